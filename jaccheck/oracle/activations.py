"""Activations in closed form: value and slope at z, and how far either can be off when z is off by up to E.

Every rule names in its docstring the formulas that it allows for, with the roundings in them; the one by which the
reference itself evaluates is among them. Where a slope jumps (a kink at 0) and |z| ≤ E, the slope is only known to
lie between both sides.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from jaccheck.case import ELU, GELU, SELU, Layer, LeakyReLU, LogSigmoid, ReLU, Sigmoid, Tanh
from jaccheck.oracle.assumptions import Arithmetic, Array
from jaccheck.oracle.networks import NegativePart

SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


class Activation(NamedTuple):
    """Value and slope with their absolute error bounds, each of z's shape."""

    value: Array
    moved: Array
    """How far the value moves while z moves by up to E."""
    rounding: Array
    """How far an evaluation anywhere on that interval is off by its own roundings."""
    slope: Array
    slope_error: Array
    """How far the slope moves, and its evaluation is off by its own roundings, together."""


Curve = Layer | NegativePart
Rule = Callable[[Curve, Array, Array, Arithmetic], Activation]


def activation(layer: Curve, z: Array, E: Array, ar: Arithmetic) -> Activation:
    """Value and slope of `layer` at z ± E. Raises KeyError for a layer without a rule."""
    with np.errstate(over="ignore", invalid="ignore"):
        return _RULES[type(layer)](layer, z, E, ar)


def kink(z: Array, E: Array, jump: float) -> Array:
    """The jump of the slope at 0 where z ± E reaches over it, and 0 elsewhere."""
    return np.where((np.abs(z) <= E) & (E > 0), jump, 0.0)


def bell(distance: Array) -> Array:
    """The slope of the sigmoid at that distance from 0, e⁻ᵈ/(1 + e⁻ᵈ)², which falls with distance."""
    t = np.exp(-distance)
    return np.asarray(t / np.square(1 + t))


def _sigmoid_at(z: Array) -> Array:
    t = np.exp(-np.abs(z))
    return np.asarray(np.where(z >= 0, 1, t) / (1 + t))


def _nearest(z: Array, E: Array) -> Array:
    """The smallest |z'| for z' in z ± E."""
    return np.maximum(np.abs(z) - E, 0)


def _constant(value: float, ar: Arithmetic) -> float:
    """How far a constant that rounds to 0 in the dtype is off; infinite where it overflows."""
    return np.inf if abs(value) > ar.largest else ar.eta if abs(value) < ar.eta else 0.0


def _piecewise_linear(slope_below: float, z: Array, E: Array, ar: Arithmetic) -> Activation:
    """z above zero, slope·z up to it; the slope and the product are rounded, but for those that are exact."""
    steep = abs(slope_below)
    above, touched = z + E > 0, z - E <= 0
    moved = np.maximum(np.where(above, 1.0, 0.0), np.where(touched, steep, 0.0)) * E
    slope = np.where(z > 0, 1.0, slope_below)
    slope_error = kink(z, E, abs(1 - slope_below))
    rounding = np.zeros_like(z)
    if slope_below not in (0.0, 1.0, -1.0):
        depth = np.maximum(E - z, 0)
        lost = _constant(slope_below, ar)
        rounding = np.where(touched, (ar.gamma(2) * steep + lost) * depth + ar.eta, 0)
        slope_error = slope_error + np.where(touched, ar.gamma(1) * steep + lost, 0)
    return Activation(slope * z, moved, rounding, slope, slope_error)


def _relu(layer: Curve, z: Array, E: Array, ar: Arithmetic) -> Activation:
    return _piecewise_linear(0.0, z, E, ar)


def _leaky_relu(layer: Curve, z: Array, E: Array, ar: Arithmetic) -> Activation:
    assert isinstance(layer, LeakyReLU)
    return _piecewise_linear(layer.negative_slope, z, E, ar)


def _negative_part(layer: Curve, z: Array, E: Array, ar: Arithmetic) -> Activation:
    moved = np.where(z - E <= 0, E, 0.0)
    return Activation(np.minimum(z, 0), moved, np.zeros_like(z), np.where(z > 0, 0.0, 1.0), kink(z, E, 1.0))


def _sigmoid(layer: Curve, z: Array, E: Array, ar: Arithmetic) -> Activation:
    """1/(1 + e⁻ᶻ); slope a(1 − a) from the computed a, or σ(z)σ(−z), or e⁻|ᶻ|/(1 + e⁻|ᶻ|)².

    The first cancels near 1, so there its error is absolute. In the second the errors of e⁻ᶻ and eᶻ enter by 1 − a and
    by a, so together no more than once.
    """
    a, tilt = _sigmoid_at(z), np.abs(np.tanh(z / 2))
    slope = bell(np.abs(z))
    moved = np.minimum(bell(_nearest(z, E)) * E, 1)
    rounding = ar.library(1, 2) * np.minimum(a + moved, 1) + ar.eta
    # |σ'(z') − σ'(z)| = |a' − a|·|1 − a − a'|, and |1 − 2a| is the tilt.
    movement = np.minimum(moved * (tilt + moved), 0.25)
    steepest = np.minimum(slope + movement, 0.25)
    from_value = rounding * (np.minimum(tilt + 2 * moved, 1) + rounding)
    from_slope = ar.library(1, 5) * steepest
    error = np.maximum(from_value + ar.gamma(2) * (steepest + from_value), from_slope)
    return Activation(a, moved, rounding, slope, movement + error + 3 * ar.eta)


def _tanh(layer: Curve, z: Array, E: Array, ar: Arithmetic) -> Activation:
    """tanh z; slope 1 − a² or (1 − a)(1 + a) from the computed a, whose error is absolute because it cancels.

    The reference takes 4t/(1 + t)² with t = e⁻²|ᶻ| where |a| ≥ 1/2: there it rounds less than 1 − a² may.
    """
    a, t = np.tanh(z), np.exp(-2 * np.abs(z))
    slope = np.where(np.abs(a) < 0.5, 1 - np.square(a), 4 * t / np.square(1 + t))
    moved = np.minimum(4 * bell(2 * _nearest(z, E)) * E, 2)
    largest = np.minimum(np.abs(a) + moved, 1)
    rounding = ar.library() * largest + ar.eta
    movement = np.minimum(moved * (2 * np.abs(a) + moved), 1)
    from_value = rounding * (2 * largest + rounding)
    error = from_value + ar.gamma(2) * np.square(largest + rounding)
    error += ar.gamma(3) * (np.minimum(slope + movement, 1) + from_value)
    return Activation(a, moved, rounding, slope, movement + error + 3 * ar.eta)


def _log_sigmoid(layer: Curve, z: Array, E: Array, ar: Arithmetic) -> Activation:
    """min(z, 0) − log1p(e⁻|ᶻ|); slope 1/(1 + eᶻ), or t/(1 + t) above zero and 1 − t/(1 + t) below, t = e⁻|ᶻ|."""
    value = np.minimum(z, 0) - np.log1p(np.exp(-np.abs(z)))
    slope = _sigmoid_at(-z)
    nearest = _nearest(z, E)
    steepest = _sigmoid_at(E - z)
    moved = steepest * E
    # exp, then log1p, which passes on at most the relative error it gets; then the rounding of the difference.
    logarithm = ar.library(2) * np.log1p(np.exp(-nearest))
    rounding = logarithm + ar.gamma(1) * (np.abs(value) + moved + logarithm) + 2 * ar.eta
    movement = np.minimum(bell(nearest) * E, 1)
    return Activation(value, moved, rounding, slope, movement + ar.library(1, 3) * steepest + 2 * ar.eta)


def _elu(layer: Curve, z: Array, E: Array, ar: Arithmetic) -> Activation:
    assert isinstance(layer, ELU)
    return _scaled_elu(1.0, layer.alpha, z, E, ar)


def _selu(layer: Curve, z: Array, E: Array, ar: Arithmetic) -> Activation:
    return _scaled_elu(SELU_SCALE, SELU_ALPHA, z, E, ar)


def _scaled_elu(scale: float, alpha: float, z: Array, E: Array, ar: Arithmetic) -> Activation:
    """scale·(z above zero, α·expm1(z) or α·(eᶻ − 1) up to it); slope scale, or scale·α·eᶻ."""
    above, touched = z + E > 0, z - E <= 0
    full = abs(scale * alpha)
    value = np.where(z > 0, scale * z, scale * alpha * np.expm1(np.minimum(z, 0)))
    slope = np.where(z > 0, scale, scale * alpha * np.exp(np.minimum(z, 0)))
    # Up to zero the slope is at most that of the upper end of the interval.
    curve = np.where(touched, full * np.exp(np.minimum(z + E, 0)), 0)
    moved = np.maximum(np.where(above, scale, 0), curve) * E
    # Roundings by constants: each of those that is no sign is rounded itself, and the products with it.
    upper, lower = (2, 4) if scale != 1 else (0, 0 if alpha in (0.0, 1.0, -1.0) else 2)
    lost = _constant(alpha, ar) + (2 + full) * ar.eta
    # eᶻ − 1 is off by as much as eᶻ, expm1 by as much as itself; the magnitudes of both add up to 1.
    rounding_below = np.where(touched, full * ar.library(1, 1 + lower) + lost, 0)
    rounding_above = np.where(above & (upper > 0), ar.gamma(upper) * scale * (np.maximum(z, 0) + E) + ar.eta, 0)
    movement = curve * np.minimum(E, 1) + kink(z, E, abs(scale - scale * alpha))
    slope_below = np.where(touched, ar.library(1, lower) * curve + lost, 0)
    slope_above = np.where(above & (upper > 0), ar.gamma(1) * scale, 0)
    slope_error = movement + np.maximum(slope_below, slope_above)
    return Activation(value, moved, np.maximum(rounding_below, rounding_above), slope, slope_error)


def _gelu(layer: Curve, z: Array, E: Array, ar: Arithmetic) -> Activation:
    assert isinstance(layer, GELU)
    return _gelu_by_tanh(z, E, ar) if layer.approximate == "tanh" else _gelu_by_erf(z, E, ar)


GELU_STEEPEST, GELU_CURVED, GELU_TURNED = 1.14, 0.9, 0.45
"""Above |f′|, |f″| and |c′| of a GELU f = z·c(z) anywhere, exact or by tanh; a test proves them by ball arithmetic."""

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
    off = ar.library() * np.maximum(0.5, _risen(c, E)) + _of_argument(0.49, ar.gamma(2)) / 2
    g = ar.gamma(4)
    argument = 0.24 * g / (1 - g) ** 1.5 if g < 1 else np.inf
    # |z·p| is at most 0.242, and its derivative p(1 − z²) at most 0.399.
    largest = np.minimum(0.25, np.abs(bent) + 0.4 * E)
    own = argument + ar.library(1, 6) * (largest + argument) + 2 * ar.eta * (np.abs(z) + E)
    return _gelu_of(z, E, c, c + bent, gelu_curvature(GELU(), _nearest(z, E), 2), off, own, ar)


def _gelu_by_tanh(z: Array, E: Array, ar: Arithmetic) -> Activation:
    """z·c, c = (1 + T)/2 or σ(2v), T = tanh(v), v = √(2/π)(z + 0.044715z³); slope c + z/2·(1 − T²)·v′.

    v has only terms of one sign, so seven roundings are relative, and |v|·sech²(v) ≤ 0.45. 1 − T² cancels, so its
    error is absolute, and is multiplied by z/2·v′. Where z³ overflows nothing is claimed.
    """
    near, far = np.clip(z, -50, 50), np.abs(z) + E
    v = _TANH_INNER * (near + _TANH_CUBE * near**3)
    c = _sigmoid_at(2 * v)
    bent = near * 2 * bell(2 * np.abs(v)) * _TANH_INNER * (1 + 3 * _TANH_CUBE * np.square(near))
    moved_argument = _of_argument(0.45, ar.gamma(7))
    off = ar.library(1, 2) * np.maximum(0.5, _risen(c, E)) + moved_argument / 2
    tanh = ar.library() + moved_argument
    square = tanh * (2 + tanh) + ar.gamma(2) * np.square(1 + tanh)
    stretch = far / 2 * _TANH_INNER * (1 + 3 * _TANH_CUBE * np.square(far))
    # |z·c′| is at most 0.3, and its derivative f″ − c′ at most the sum of the bounds of both.
    largest = np.minimum(0.3, np.abs(bent) + (GELU_CURVED + GELU_TURNED) * E)
    own = stretch * square
    own = own + ar.gamma(12) * (largest + own) + 5 * ar.eta * (1 + stretch)
    own = np.where(far**3 <= ar.largest, own, np.inf)
    return _gelu_of(z, E, c, c + bent, gelu_curvature(GELU(approximate="tanh"), _nearest(z, E), 2), off, own, ar)


def _of_argument(steepest: float, relative: float) -> float:
    """How far f moves where its argument t is off by so much of itself, if |t·f′(t)| ≤ `steepest`."""
    return steepest * relative / (1 - relative) if relative < 1 else np.inf


def _risen(c: Array, E: Array) -> Array:
    """The largest c can be on z ± E."""
    return np.minimum(1, c + GELU_TURNED * E)


def _gelu_of(
    z: Array, E: Array, c: Array, slope: Array, curved: Array, off: Array, own: Array, ar: Arithmetic
) -> Activation:
    """Value z·c and slope, where c is off by `off` and the other term of the slope by `own`, anywhere on z ± E."""
    value, far = z * c, np.abs(z) + E
    off = off + ar.gamma(1) * (_risen(c, E) + off) + 2 * ar.eta
    moved = np.minimum(np.abs(slope) + curved * E, GELU_STEEPEST) * E
    rounding = far * off + ar.gamma(2) * (np.abs(value) + moved + far * off) + 3 * ar.eta
    # f′ is between −0.14 and 1.14.
    movement = np.minimum(curved * E, 2 * GELU_STEEPEST)
    steepest = np.minimum(np.abs(slope) + movement, GELU_STEEPEST)
    error = off + own
    error = error + ar.gamma(1) * (steepest + error) + 3 * ar.eta
    return Activation(value, moved, rounding, slope, movement + error)


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
    return np.where(d < 2.1, GELU_CURVED, 4 * np.exp(-2 * v) * (first + d * (second / 2 + np.square(first))))


_RULES: dict[type, Rule] = {
    ReLU: _relu,
    NegativePart: _negative_part,
    GELU: _gelu,
    LeakyReLU: _leaky_relu,
    Sigmoid: _sigmoid,
    Tanh: _tanh,
    LogSigmoid: _log_sigmoid,
    ELU: _elu,
    SELU: _selu,
}
