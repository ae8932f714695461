"""Rules of piecewise linear activations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jaccheck.case import LeakyReLU, ReLU
from jaccheck.oracle.activations.rule import Activation, Pieces, Rule, constant, kink, rule
from jaccheck.oracle.assumptions import Arithmetic, Array


@dataclass(frozen=True, slots=True)
class NegativePart:
    """min(z, 0), with slope one at 0, where the slope of a ReLU is 0: what a PReLU multiplies with its weight."""


class Bent(Rule):
    """Linear on both sides of a kink at 0."""

    def curvature(self, layer: object, z: Array, radius: Array) -> Array:
        """0, but at the kink."""
        return np.where(np.abs(z) > radius, 0, np.inf)


def bent(above: float, below: float) -> Pieces:
    """Of these slopes above 0, and at 0 and below."""
    return Pieces(
        value=lambda z: np.where(z > 0, above, below) * z,
        slope=lambda z: np.where(z > 0, above, below),
        factors=(above, below),
    )


def leaky(slope_below: float, z: Array, E: Array, ar: Arithmetic) -> Activation:
    """z above zero, slope·z up to it; the slope and the product are rounded, but for those that are exact."""
    steep = abs(slope_below)
    above, touched = z + E > 0, z - E <= 0
    moved = np.maximum(np.where(above, 1.0, 0.0), np.where(touched, steep, 0.0)) * E
    slope = np.where(z > 0, 1.0, slope_below)
    slope_error = kink(z, E, abs(1 - slope_below))
    rounding = np.zeros_like(z)
    if slope_below not in (0.0, 1.0, -1.0):
        depth = np.maximum(E - z, 0)
        lost = constant(slope_below, ar)
        rounding = np.where(touched, (ar.gamma(2) * steep + lost) * depth + ar.eta, 0)
        slope_error = slope_error + np.where(touched, ar.gamma(1) * steep + lost, 0)
    return Activation(slope * z, moved, rounding, slope, slope_error)


@rule(ReLU)
class ReLURule(Bent):
    """max(z, 0): nothing is rounded."""

    def at(self, layer: ReLU, z: Array, E: Array, ar: Arithmetic) -> Activation:
        return leaky(0.0, z, E, ar)

    def pieces(self, layer: ReLU) -> Pieces:
        return bent(1.0, 0.0)


@rule(LeakyReLU)
class LeakyReLURule(Bent):
    """z, or `negative_slope`·z."""

    def at(self, layer: LeakyReLU, z: Array, E: Array, ar: Arithmetic) -> Activation:
        return leaky(layer.negative_slope, z, E, ar)

    def pieces(self, layer: LeakyReLU) -> Pieces:
        return bent(1.0, layer.negative_slope)


@rule(NegativePart)
class NegativePartRule(Bent):
    """min(z, 0): nothing is rounded."""

    def at(self, layer: NegativePart, z: Array, E: Array, ar: Arithmetic) -> Activation:
        moved = np.where(z - E <= 0, E, 0.0)
        return Activation(np.minimum(z, 0), moved, np.zeros_like(z), np.where(z > 0, 0.0, 1.0), kink(z, E, 1.0))

    def pieces(self, layer: NegativePart) -> Pieces:
        return bent(0.0, 1.0)
