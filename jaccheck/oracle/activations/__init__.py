"""Activations: value, slope and their bounds, one rule for each kind; every module here is loaded."""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from jaccheck.oracle.activations.piecewise import NegativePart
from jaccheck.oracle.activations.rule import RULES, Activation, Pieces, Rule, activation

for module in iter_modules([str(Path(__file__).parent)]):
    import_module(f"jaccheck.oracle.activations.{module.name}")

__all__ = ["RULES", "Activation", "NegativePart", "Pieces", "Rule", "activation"]
