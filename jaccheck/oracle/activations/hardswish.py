"""The rule of Hardswish, z·min(max(z + 3, 0), 6)/6."""

from __future__ import annotations

import numpy as np

from jaccheck.case import activations as layers
from jaccheck.oracle.activations.rule import Activation, Rule, rule
from jaccheck.oracle.assumptions import Arithmetic, Array

STEEPEST = 1.5
"""|φ′| anywhere, just below 3; φ′ is between −1/2 and that."""
JUMP = 0.5
"""Of the slope at −3, from 0 to −1/2, and at 3, from 3/2 to 1."""


@rule(layers.Hardswish)
class HardswishRule(Rule):
    """z·min(max(z + 3, 0), 6)/6, in any order; slope 0, z/3 + 1/2 and 1, or (2z + 3)/6, or of two products with 1/6.

    - Sum, product and quotient, or the rounding of 1/6 and a product: the value is off by γ₄ of itself. z + 3 is so
      near to 0 where it cancels as its own rounding says, so nothing is lost there.
    - z/3 and 1/2 may cancel: the slope is off by γ₅ of |z|/3 + 1/2, at most of 3/2; above 3 by that of 1.
    - |φ″| is 1/3 between the kinks, else 0. At a kink itself releases of torch take one side or the other: the slope
      there is unknown even where z is exact.
    - Where 6z overflows nothing is claimed.
    """

    def at(self, layer: layers.Hardswish, z: Array, E: Array, ar: Arithmetic) -> Activation:
        value = np.where(z <= -3, 0, np.where(z >= 3, z, z * (z + 3) / 6))
        slope = np.where(z <= -3, 0, np.where(z >= 3, 1, z / 3 + 0.5))
        jumps = sum(np.where(np.abs(z - kink) <= E, JUMP, 0.0) for kink in (-3, 3))
        touched, curved = z + E > -3, (z + E >= -3) & (z - E <= 3)
        change = np.where(curved, np.minimum(E / 3, 2), 0)
        moved = np.minimum(np.abs(slope) + change + jumps, STEEPEST) * E
        size = np.where(touched, np.abs(value) + moved, 0)
        rounding = np.where(touched, ar.gamma(4) * size + 3 * ar.eta, 0)
        rounding = np.where(6 * (np.abs(z) + E) <= ar.largest, rounding, np.inf)
        own = np.where(z + E >= -3, ar.gamma(5) * np.minimum((np.abs(z) + E) / 3 + 0.5, STEEPEST) + 2 * ar.eta, 0)
        return Activation(value, moved, rounding, slope, np.minimum(change + jumps, 2) + own)

    def curvature(self, layer: layers.Hardswish, z: Array, radius: Array) -> Array:
        reached = (np.abs(z + 3) <= radius * (1 + 2.0**-30)) | (np.abs(z - 3) <= radius * (1 + 2.0**-30))
        return np.where(reached, np.inf, np.where(np.abs(z) < 3, 1 / 3, 0.0))
