"""Activations in closed form: value and slope at z, and how far either can be off when z is off by up to E.

Every rule assumes the formula that is conventional for it (in its comment) and allows for the roundings in it. Where
a slope jumps (a kink at 0) and |z| ≤ E, the slope is only known to lie between both sides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from jaccheck.cases import ELU, SELU, Layer, LeakyReLU, LogSigmoid, ReLU, Sigmoid, Tanh
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


Rule = Callable[[Layer, Array, Array, Arithmetic], Activation]


def activation(layer: Layer, z: Array, E: Array, ar: Arithmetic) -> Activation:
    """Value and slope of `layer` at z ± E. Raises KeyError for a layer without a rule."""
    return _RULES[type(layer)](layer, z, E, ar)


def has_rule(layer: Layer) -> bool:
    """Whether there is a bound for this layer."""
    return type(layer) in _RULES


def _piecewise_linear(slope_below: float, z: Array, E: Array, ar: Arithmetic) -> Activation:
    """max(z, 0) + slope·min(z, 0); slope at 0 as below it, as torch has it."""
    slope = np.where(z > 0, 1.0, slope_below)
    value = slope * z
    moved = max(1.0, abs(slope_below)) * E
    # Below zero: the slope is rounded to the dtype, then the product; 0 and 1 are exact.
    rounded = (z - E <= 0) & (slope_below not in (0.0, 1.0))
    rounding = np.where(rounded, ar.gamma(2) * (np.abs(value) + moved) + ar.eta, 0)
    slope_error = _kink(z, E, abs(1 - slope_below)) + np.where(rounded, ar.gamma(1) * abs(slope_below), 0)
    return Activation(value, moved, rounding, slope, slope_error)


def _kink(z: Array, E: Array, jump: float) -> Array:
    return np.where((np.abs(z) <= E) & (E > 0), jump, 0.0)


def _relu(layer: Layer, z: Array, E: Array, ar: Arithmetic) -> Activation:
    return _piecewise_linear(0.0, z, E, ar)


def _leaky_relu(layer: Layer, z: Array, E: Array, ar: Arithmetic) -> Activation:
    assert isinstance(layer, LeakyReLU)
    return _piecewise_linear(layer.negative_slope, z, E, ar)


def _sigmoid(layer: Layer, z: Array, E: Array, ar: Arithmetic) -> Activation:
    """1/(1 + e⁻ᶻ); slope a(1 − a) from the computed a."""
    with np.errstate(over="ignore"):
        below = np.exp(-np.abs(z))
    a, rest = np.where(z >= 0, 1, below) / (1 + below), np.where(z >= 0, below, 1) / (1 + below)
    slope = a * rest
    # |σ''| ≤ σ', and σ' grows by at most eᴱ over the interval.
    moved = np.minimum(slope * np.exp(np.minimum(E, 700)), 0.25) * E
    rounding = ar.library * (a + moved) + ar.eta
    Ea = moved + rounding
    # slope = a(1 − a): the error of a, once through each factor, and three roundings.
    slope_error = Ea * (np.abs(rest - a) + Ea) + ar.gamma(3) * (a + Ea) * (rest + Ea) + 3 * ar.eta
    return Activation(a, moved, rounding, slope, slope_error)


def _tanh(layer: Layer, z: Array, E: Array, ar: Arithmetic) -> Activation:
    """tanh z; slope 1 − a² from the computed a, whose error is absolute because it cancels."""
    a = np.tanh(z)
    with np.errstate(over="ignore"):
        slope = np.square(1 / np.cosh(z))
    # |tanh''| ≤ 2·tanh', and tanh' grows by at most e²ᴱ over the interval.
    moved = np.minimum(slope * np.exp(np.minimum(2 * E, 700)), 1.0) * E
    rounding = ar.library * (np.abs(a) + moved) + ar.eta
    Ea = moved + rounding
    slope_error = Ea * (2 * np.abs(a) + Ea) + ar.gamma(2) * np.square(np.abs(a) + Ea) + ar.gamma(2) * (slope + Ea)
    return Activation(a, moved, rounding, slope, slope_error + 3 * ar.eta)


def _log_sigmoid(layer: Layer, z: Array, E: Array, ar: Arithmetic) -> Activation:
    """min(z, 0) − log1p(e⁻|ᶻ|); slope 1/(1 + eᶻ), or 1 − e⁻|ᶻ|/(1 + e⁻|ᶻ|) below zero."""
    below = np.exp(-np.abs(z))
    value = np.minimum(z, 0) - np.log1p(below)
    slope = np.where(z >= 0, below, 1) / (1 + below)
    grown = np.minimum(slope * np.exp(np.minimum(E, 700)), 1.0)
    moved = grown * E
    # Two library calls, exp and log1p, then the rounding of the difference.
    rounding = 2 * ar.library * (np.log1p(below) + moved) + ar.gamma(1) * (np.abs(value) + moved) + 2 * ar.eta
    slope_error = np.minimum(grown, 0.25) * E + (ar.library + ar.gamma(3)) * (slope + moved) + 2 * ar.eta
    return Activation(value, moved, rounding, slope, slope_error)


def _elu(layer: Layer, z: Array, E: Array, ar: Arithmetic) -> Activation:
    assert isinstance(layer, ELU)
    return _scaled_elu(1.0, layer.alpha, z, E, ar)


def _selu(layer: Layer, z: Array, E: Array, ar: Arithmetic) -> Activation:
    return _scaled_elu(SELU_SCALE, SELU_ALPHA, z, E, ar)


def _scaled_elu(scale: float, alpha: float, z: Array, E: Array, ar: Arithmetic) -> Activation:
    """scale·(z above zero, α·expm1(z) up to it); slope scale, or scale·α·eᶻ."""
    up = z > 0
    exp = np.exp(np.minimum(z, 0))
    below = scale * alpha * exp
    value = np.where(up, scale * z, scale * alpha * np.expm1(np.minimum(z, 0)))
    slope = np.where(up, scale, below)
    # On the interval the slope below zero is at most |scale·α|·min(1, e^(z+E)).
    below_at_most = abs(scale * alpha) * np.minimum(1, exp * np.exp(np.minimum(E, 700)))
    steepest = np.maximum(np.where(z + E > 0, scale, 0), np.where(z - E <= 0, below_at_most, 0))
    # The constants are rounded too: two for scale and α, two for the products.
    factors = ar.gamma(4) if (scale != 1 or alpha != 1) else 0.0
    touched = z - E <= 0
    library = np.where(touched, ar.library, 0)
    # eᶻ − 1 where expm1 is not used: then the error is relative to eᶻ.
    moved = steepest * E
    rounding = factors * (np.abs(value) + moved) + library * below_at_most + 2 * ar.eta
    slope_error = np.where(touched, below_at_most * E, 0) + (factors + library) * (np.abs(slope) + below_at_most * E)
    jump = abs(scale - scale * alpha)
    slope_error = slope_error + _kink(z, E, jump) + 2 * ar.eta
    return Activation(value, moved, rounding, slope, slope_error)


_RULES: dict[type, Rule] = {
    ReLU: _relu,
    LeakyReLU: _leaky_relu,
    Sigmoid: _sigmoid,
    Tanh: _tanh,
    LogSigmoid: _log_sigmoid,
    ELU: _elu,
    SELU: _selu,
}
