"""Activations: value, slope and their bounds, one rule for each kind; every module here is loaded."""

from importlib import import_module
from pkgutil import iter_modules

from jaccheck.oracle.activations.piecewise import NegativePart
from jaccheck.oracle.activations.rule import RULES, Activation, Pieces, Rule, activation

for module in iter_modules(__path__):
    import_module(f"{__name__}.{module.name}")

__all__ = ["RULES", "Activation", "NegativePart", "Pieces", "Rule", "activation"]
