"""The rule of GELU, z·c(z) with the distribution function c of a standard normal number, exact or by tanh."""

from __future__ import annotations

import math

import numpy as np

from jaccheck.case import GELU
from jaccheck.oracle.activations.gated import Gate, gated
from jaccheck.oracle.activations.rule import Activation, Rule, bell, nearest, of_argument, rule, sigmoid_at
from jaccheck.oracle.assumptions import Arithmetic, Array

GATE, CURVED = Gate(steepest=1.14, turned=0.45), 0.9
"""Above |f′|, |c′| and |f″| of a GELU f = z·c(z) anywhere, exact or by tanh; a test proves them by ball arithmetic."""

_ERFC = np.frompyfunc(math.erfc, 1, 1)
_PEAK = 1 / np.sqrt(2 * np.pi)
_TANH_INNER, _TANH_CUBE = np.sqrt(2 / np.pi), 0.044715


def _gelu_by_erf(z: Array, E: Array, ar: Arithmetic) -> Activation:
    """z·c, c = (1 + erf(z/√2))/2 or erfc(−z/√2)/2; slope c + z·p, p = e^(−z²/2)/√(2π).

    Of erf only an absolute error is assumed (`library` of one): here it is always added to one. Its argument is
    rounded twice, and |t|·erf′(t) ≤ 0.49. That of p is rounded at most four times, by g = γ₄:
    |z|·p(1 − g)'s excess is at most g·sup|z|³/2·e^(−(1 − g)z²/2)/√(2π) = 0.24·g/(1 − g)^1.5.
    """
    c = np.asarray(_ERFC(-z / np.sqrt(2)), dtype=np.float64) / 2
    bent = z * _PEAK * np.exp(-np.square(np.clip(z, -100, 100)) / 2)
    off = ar.library() * np.maximum(0.5, GATE.risen(c, E)) + of_argument(0.49, ar.gamma(2)) / 2
    g = ar.gamma(4)
    argument = 0.24 * g / (1 - g) ** 1.5 if g < 1 else np.inf
    # |z·p| is at most 0.242, and its derivative p(1 − z²) at most 0.399.
    largest = np.minimum(0.25, np.abs(bent) + 0.4 * E)
    own = argument + ar.library(1, 6) * (largest + argument) + 2 * ar.eta * (np.abs(z) + E)
    return gated(z, E, c, c + bent, gelu_curvature(GELU(), nearest(z, E), 2), off, own, ar, GATE)


def _gelu_by_tanh(z: Array, E: Array, ar: Arithmetic) -> Activation:
    """z·c, c = (1 + T)/2 or σ(2v), T = tanh(v), v = √(2/π)(z + 0.044715z³); slope c + z/2·(1 − T²)·v′.

    v has only terms of one sign, so seven roundings are relative, and |v|·sech²(v) ≤ 0.45. 1 − T² cancels, so its
    error is absolute, and is multiplied by z/2·v′. Where z³ overflows nothing is claimed.
    """
    near, far = np.clip(z, -50, 50), np.abs(z) + E
    v = _TANH_INNER * (near + _TANH_CUBE * near**3)
    c = sigmoid_at(2 * v)
    bent = near * 2 * bell(2 * np.abs(v)) * _TANH_INNER * (1 + 3 * _TANH_CUBE * np.square(near))
    moved_argument = of_argument(0.45, ar.gamma(7))
    off = ar.library(1, 2) * np.maximum(0.5, GATE.risen(c, E)) + moved_argument / 2
    tanh = ar.library() + moved_argument
    square = tanh * (2 + tanh) + ar.gamma(2) * np.square(1 + tanh)
    stretch = far / 2 * _TANH_INNER * (1 + 3 * _TANH_CUBE * np.square(far))
    # |z·c′| is at most 0.3, and its derivative f″ − c′ at most the sum of the bounds of both.
    largest = np.minimum(0.3, np.abs(bent) + (CURVED + GATE.turned) * E)
    own = stretch * square
    own = own + ar.gamma(12) * (largest + own) + 5 * ar.eta * (1 + stretch)
    own = np.where(far**3 <= ar.largest, own, np.inf)
    return gated(z, E, c, c + bent, gelu_curvature(GELU(approximate="tanh"), nearest(z, E), 2), off, own, ar, GATE)


def gelu_curvature(layer: GELU, distance: Array, order: int = 3) -> Array:
    """A bound for |f″| at that distance from 0 or further; of `order` 3 for |f‴| too, infinite where unknown.

    The exact one has f″ = p(2 − z²), f‴ = p(z³ − 4z). By |z| alone they are at most p(2 + z²), which falls, and
    p(|z|³ + 4|z|), which falls from 1.25 on and is 1.27 there. By tanh f″ = 2c′ + zc″ is at most
    4e⁻²ᵛ(v′ + |z|(|v″|/2 + v′²)); from 2.1 on that falls, since 5/z, the most that a polynomial of degree five can
    grow by, is less than 2v′.
    """
    d = np.minimum(distance, 50)
    if layer.approximate == "none":
        p = _PEAK * np.exp(-np.square(d) / 2)
        if order == 2:
            return np.asarray(p * (2 + np.square(d)))
        return np.where(d < 1.25, 1.28, p * (d**3 + 4 * d))
    if order == 3:
        return np.full_like(d, np.inf)
    v = _TANH_INNER * (d + _TANH_CUBE * d**3)
    first, second = _TANH_INNER * (1 + 3 * _TANH_CUBE * np.square(d)), 6 * _TANH_INNER * _TANH_CUBE * d
    return np.where(d < 2.1, CURVED, 4 * np.exp(-2 * v) * (first + d * (second / 2 + np.square(first))))


@rule(GELU)
class GELURule(Rule):
    """By erf, or by tanh."""

    def at(self, layer: GELU, z: Array, E: Array, ar: Arithmetic) -> Activation:
        return _gelu_by_tanh(z, E, ar) if layer.approximate == "tanh" else _gelu_by_erf(z, E, ar)

    def curvature(self, layer: GELU, z: Array, radius: Array) -> Array:
        """At the point of z ± radius that is nearest to 0."""
        return gelu_curvature(layer, nearest(z, radius))
