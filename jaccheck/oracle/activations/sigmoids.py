"""Rules of the sigmoid, of tanh, and of LogSigmoid, which are made of e⁻|ᶻ|."""

from __future__ import annotations

import numpy as np

from jaccheck.case import LogSigmoid, Sigmoid, Tanh
from jaccheck.oracle.activations.rule import Activation, Rule, bell, nearest, rule, sigmoid_at
from jaccheck.oracle.assumptions import Arithmetic, Array


@rule(Sigmoid)
class SigmoidRule(Rule):
    """1/(1 + e⁻ᶻ); slope a(1 − a) from the computed a, or σ(z)σ(−z), or e⁻|ᶻ|/(1 + e⁻|ᶻ|)².

    The first cancels near 1, so there its error is absolute. In the second the errors of e⁻ᶻ and eᶻ enter by 1 − a and
    by a, so together no more than once.
    """

    def at(self, layer: Sigmoid, z: Array, E: Array, ar: Arithmetic) -> Activation:
        a, tilt = sigmoid_at(z), np.abs(np.tanh(z / 2))
        slope = bell(np.abs(z))
        moved = np.minimum(bell(nearest(z, E)) * E, 1)
        rounding = ar.library(1, 2) * np.minimum(a + moved, 1) + ar.eta
        # |σ'(z') − σ'(z)| = |a' − a|·|1 − a − a'|, and |1 − 2a| is the tilt.
        movement = np.minimum(moved * (tilt + moved), 0.25)
        steepest = np.minimum(slope + movement, 0.25)
        from_value = rounding * (np.minimum(tilt + 2 * moved, 1) + rounding)
        from_slope = ar.library(1, 5) * steepest
        error = np.maximum(from_value + ar.gamma(2) * (steepest + from_value), from_slope)
        return Activation(a, moved, rounding, slope, movement + error + 3 * ar.eta)

    def curvature(self, layer: Sigmoid, z: Array, radius: Array) -> Array:
        """σ″ = σ′(1 − 2σ), σ‴ = σ′(1 − 6σ′)."""
        return bell(nearest(z, radius))


@rule(Tanh)
class TanhRule(Rule):
    """tanh z; slope 1 − a² or (1 − a)(1 + a) from the computed a, whose error is absolute because it cancels.

    The reference takes 4t/(1 + t)² with t = e⁻²|ᶻ| where |a| ≥ 1/2: there it rounds less than 1 − a² may.
    """

    def at(self, layer: Tanh, z: Array, E: Array, ar: Arithmetic) -> Activation:
        a, t = np.tanh(z), np.exp(-2 * np.abs(z))
        slope = np.where(np.abs(a) < 0.5, 1 - np.square(a), 4 * t / np.square(1 + t))
        moved = np.minimum(4 * bell(2 * nearest(z, E)) * E, 2)
        largest = np.minimum(np.abs(a) + moved, 1)
        rounding = ar.library() * largest + ar.eta
        movement = np.minimum(moved * (2 * np.abs(a) + moved), 1)
        from_value = rounding * (2 * largest + rounding)
        error = from_value + ar.gamma(2) * np.square(largest + rounding)
        error += ar.gamma(3) * (np.minimum(slope + movement, 1) + from_value)
        return Activation(a, moved, rounding, slope, movement + error + 3 * ar.eta)

    def curvature(self, layer: Tanh, z: Array, radius: Array) -> Array:
        """−2a(1 − a²) and (6a² − 2)(1 − a²), where 1 − a² is four times the bell at 2z."""
        return 16 * bell(2 * nearest(z, radius))


@rule(LogSigmoid)
class LogSigmoidRule(Rule):
    """min(z, 0) − log1p(e⁻|ᶻ|); slope 1/(1 + eᶻ), or t/(1 + t) above zero and 1 − t/(1 + t) below, t = e⁻|ᶻ|."""

    def at(self, layer: LogSigmoid, z: Array, E: Array, ar: Arithmetic) -> Activation:
        value = np.minimum(z, 0) - np.log1p(np.exp(-np.abs(z)))
        slope = sigmoid_at(-z)
        close = nearest(z, E)
        steepest = sigmoid_at(E - z)
        moved = steepest * E
        # exp, then log1p, which passes on at most the relative error it gets; then the rounding of the difference.
        logarithm = ar.library(2) * np.log1p(np.exp(-close))
        rounding = logarithm + ar.gamma(1) * (np.abs(value) + moved + logarithm) + 2 * ar.eta
        movement = np.minimum(bell(close) * E, 1)
        return Activation(value, moved, rounding, slope, movement + ar.library(1, 3) * steepest + 2 * ar.eta)

    def curvature(self, layer: LogSigmoid, z: Array, radius: Array) -> Array:
        """−σ′ and −σ″."""
        return bell(nearest(z, radius))
