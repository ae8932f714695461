"""Activations in closed form: value and slope at z, and how far either can be off when z is off by up to E.

Every rule names in its docstring the formulas that it allows for, with the roundings in them; the one by which the
reference itself evaluates is among them. Where a slope jumps (a kink at 0) and |z| ≤ E, the slope is only known to
lie between both sides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from jaccheck.case import ELU, SELU, Layer, LeakyReLU, LogSigmoid, ReLU, Sigmoid, Tanh
from jaccheck.oracle.arithmetic import Arithmetic, Array

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


Rule = Callable[[Layer, Array, Array, Arithmetic], Activation]


def activation(layer: Layer, z: Array, E: Array, ar: Arithmetic) -> Activation:
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


def _relu(layer: Layer, z: Array, E: Array, ar: Arithmetic) -> Activation:
    return _piecewise_linear(0.0, z, E, ar)


def _leaky_relu(layer: Layer, z: Array, E: Array, ar: Arithmetic) -> Activation:
    assert isinstance(layer, LeakyReLU)
    return _piecewise_linear(layer.negative_slope, z, E, ar)


def _sigmoid(layer: Layer, z: Array, E: Array, ar: Arithmetic) -> Activation:
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


def _tanh(layer: Layer, z: Array, E: Array, ar: Arithmetic) -> Activation:
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


def _log_sigmoid(layer: Layer, z: Array, E: Array, ar: Arithmetic) -> Activation:
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


def _elu(layer: Layer, z: Array, E: Array, ar: Arithmetic) -> Activation:
    assert isinstance(layer, ELU)
    return _scaled_elu(1.0, layer.alpha, z, E, ar)


def _selu(layer: Layer, z: Array, E: Array, ar: Arithmetic) -> Activation:
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


_RULES: dict[type, Rule] = {
    ReLU: _relu,
    LeakyReLU: _leaky_relu,
    Sigmoid: _sigmoid,
    Tanh: _tanh,
    LogSigmoid: _log_sigmoid,
    ELU: _elu,
    SELU: _selu,
}
