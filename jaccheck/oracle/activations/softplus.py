"""The rule of Softplus, which torch continues as z itself above its threshold, with a small jump there."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from jaccheck.case import activations as layers
from jaccheck.oracle.activations.rule import Activation, Rule, bell, nearest, of_argument, rule, sigmoid_at
from jaccheck.oracle.assumptions import Arithmetic, Array


@rule(layers.Softplus)
class SoftplusRule(Rule):
    """With w = βz: log1p(eʷ)/β or max(z, 0) + log1p(e⁻|ʷ|)/β, slope eʷ/(eʷ + 1) or σ(w), up to the threshold; then z.

    - φ′ = σ(w) rises with w, and φ″ = βσ′(w) falls with |w|: each is bounded at one point of the interval.
    - w is off by g = γ₂ of itself, since β and the product are rounded, unless β is 1. That moves log1p(eʷ) by at most
      g/(1 − g)·|w|σ(w), where |w|σ(w) ≤ max(0.28, log1p(eʷ)), and σ(w) by g/(1 − g)·|w|σ′(w), where |w|σ′(w) ≤ 0.23.
    - An error of eʷ by ε of itself moves log1p(eʷ) by ε·σ(w), and eʷ/(eʷ + 1) by ε of itself.
    - At w = t the value jumps by log1p(e⁻ᵗ)/β and the slope by 1 − σ(t); so it does where z is so near that the
      roundings of β, w and t decide on which side it is.
    - Where eʷ overflows below the threshold nothing is claimed: there torch returns infinity, and NaN as the slope.
    """

    def at(self, layer: layers.Softplus, z: Array, E: Array, ar: Arithmetic) -> Activation:
        β, t = layer.beta, layer.threshold
        w, reach, g = β * z, β * E * (1 + 2.0**-50), 0.0 if β == 1 else of_argument(1.0, ar.gamma(2))
        value = np.where(w > t, z, (np.maximum(w, 0) + np.log1p(np.exp(-np.abs(w)))) / β)
        slope = np.where(w > t, 1.0, sigmoid_at(w))

        doubt = self._doubt(layer, ar)
        crossed = np.abs(w - t) <= reach
        jumps = np.abs(w - t) <= reach + doubt
        jump, bend = np.log1p(np.exp(doubt - t)) / β, sigmoid_at(np.asarray(doubt - t))
        # Everything below the threshold that an evaluation can come by: w, moved, and rounded.
        size = np.abs(w) + reach
        top, closest = w + reach + g * size, nearest(w, reach + g * size)
        curved, rising = (w - reach <= t) | jumps, sigmoid_at(top)
        fits = np.minimum(top, t + doubt) <= np.log(ar.largest) - 1

        steepest = np.where((w + reach > t) | jumps, 1.0, rising)
        moved = steepest * E + np.where(crossed & (E > 0), jump, 0)
        most = np.maximum(top, 0) + np.log1p(np.exp(-np.abs(top)))
        off = g * np.minimum(size * rising, np.maximum(0.28, most)) + ar.library(1) * rising
        own = (off + ar.library(1, 3) * (most + off) + 4 * ar.eta) / β + ar.eta
        rounding = np.where(curved, np.where(fits, own, np.inf), 0) + np.where(jumps, jump, 0)

        movement = np.minimum(β * bell(nearest(w, reach)) * E, 1) + np.where(jumps, bend, 0)
        off = np.minimum(0.23 * g, g * size * bell(closest))
        own = off + ar.library(1, 3) * (rising + off) + 2 * ar.eta
        return Activation(value, moved, rounding, slope, movement + np.where(curved, np.where(fits, own, np.inf), 0))

    def is_broken(self, layer: layers.Softplus, z: Array, radius: Array) -> npt.NDArray[np.bool_]:
        w, t = layer.beta * z, layer.threshold
        return np.asarray(np.abs(w - t) <= layer.beta * radius * (1 + 2.0**-30) + 2.0**-30 * abs(t))

    def _doubt(self, layer: layers.Softplus, ar: Arithmetic) -> float:
        """How far w can be from t and still be taken for one on the other side: γ₃ of either, or of t alone."""
        if layer.beta == 1:
            return 0.0 if ar.keeps(layer.threshold) else 2 * ar.gamma(1) * abs(layer.threshold)
        return 2 * ar.gamma(3) * abs(layer.threshold) + ar.eta
