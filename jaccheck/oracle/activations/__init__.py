"""Activations: value, slope and their bounds, one rule for each kind."""

from jaccheck.oracle.activations import exponential, gelu, piecewise, sigmoids
from jaccheck.oracle.activations.piecewise import NegativePart
from jaccheck.oracle.activations.rule import RULES, Activation, Pieces, Rule, activation

__all__ = [
    "RULES",
    "Activation",
    "NegativePart",
    "Pieces",
    "Rule",
    "activation",
    "exponential",
    "gelu",
    "piecewise",
    "sigmoids",
]
