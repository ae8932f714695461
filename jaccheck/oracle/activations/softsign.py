"""The rule of Softsign, z/(1 + |z|)."""

from __future__ import annotations

import numpy as np

from jaccheck.case import activations as layers
from jaccheck.oracle.activations.rule import Activation, Rule, nearest, rule
from jaccheck.oracle.assumptions import Arithmetic, Array


@rule(layers.Softsign)
class SoftsignRule(Rule):
    """z/(1 + |z|); slope 1/d − |z|/d² with d = 1 + |z|, as autograd finds it through the quotient, or 1/d².

    - The value has two roundings. In the slope 1/d and |z|/d² cancel, so its error is relative to their sum, at most
      2/d: one rounding of d for each time that it divides, of each quotient and product, and of the difference, six.
    - φ′ = 1/d² falls with |z|, and so do |φ″| = 2/d³ and |φ‴| = 6/d⁴; φ″ jumps at 0, where φ′ is continuous.
    """

    def at(self, layer: layers.Softsign, z: Array, E: Array, ar: Arithmetic) -> Activation:
        d, least = 1 + np.abs(z), 1 + nearest(z, E)
        value, slope = z / d, 1 / d / d
        moved = np.minimum(E / least / least, 2)
        rounding = ar.gamma(2) * np.minimum(np.abs(value) + moved, 1) + ar.eta
        movement = np.minimum(2 * E / least**3, 1)
        return Activation(value, moved, rounding, slope, movement + ar.gamma(6) * 2 / least + 3 * ar.eta)

    def curvature(self, layer: layers.Softsign, z: Array, radius: Array) -> Array:
        least = 1 + nearest(z, radius)
        return np.where(np.abs(z) > radius, np.maximum(2 / least**3, 6 / least**4), np.inf)
