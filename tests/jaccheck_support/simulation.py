"""Conventional evaluations, operation by operation: what the bounds must hold for, as badly as they allow.

A `Machine` has one dtype, one order of summation and one way to round. It rounds to nearest as hardware does, or it
takes from every operation all that the assumptions in `arithmetic` leave it: a full relative error of u, always away
from zero or towards it or at random, library functions off by whole ulps, results that underflow flushed to zero.
Quantities are carried in a wider format (float64; for float64 the 80 bits of numpy's longdouble) and rounded after
each operation. Shares no code with the bounds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

from jaccheck.case import ELU, GELU, LAYERS, SELU, Layer, LeakyReLU, LogSigmoid, ReLU, Sigmoid, Tanh, activations
from jaccheck.case.layers.activations import Activation
from jaccheck.oracle.networks import Curve, NegativePart

VARIANTS: tuple[Layer, ...] = tuple(
    variant for kind in LAYERS.values() if issubclass(kind, Activation) for variant in kind.variants()
)
"""The activations of the family of that name, each with the options that matter."""

Wide = npt.NDArray[np.floating[Any]]

_FORMATS = {"float64": (53, -1022), "float32": (24, -126), "bfloat16": (8, -126), "float16": (11, -14)}
"""Precision in bits, and the exponent of the smallest normal number e; beyond 2^(2 − e) numbers are infinite."""


class Summation(Enum):
    """In which order the terms of a sum are added."""

    FORWARD = "forward"
    REVERSE = "reverse"
    PAIRWISE = "pairwise"
    SHUFFLED = "shuffled"
    FUSED = "fused"
    """Forward, each product added without being rounded."""


class Rounding(Enum):
    """What an operation does to its exact result."""

    NEAREST = "nearest"
    AWAY = "away"
    TOWARDS = "towards"
    RANDOM = "random"


@dataclass(slots=True)
class Machine:
    """Arithmetic in one dtype. `ulps` is how far library functions are off beside their rounding."""

    dtype: str
    summation: Summation = Summation.FORWARD
    rounding: Rounding = Rounding.NEAREST
    ulps: int = 0
    seed: int = 0
    generator: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.generator = np.random.default_rng(self.seed)

    def wide(self, values: npt.ArrayLike) -> Wide:
        """The same numbers in the format that carries them."""
        wide: Wide = np.asarray(values, dtype=np.longdouble if self.dtype == "float64" else np.float64)
        return wide

    def spacing(self, x: Wide) -> Wide:
        """The distance of neighbours in the dtype near x."""
        bits, smallest = _FORMATS[self.dtype]
        exponent = np.where(x == 0, smallest + 1, np.maximum(np.frexp(x)[1], smallest + 1)) - bits
        spacing: Wide = np.ldexp(self.wide(np.ones_like(x)), exponent)
        return spacing

    def round(self, exact: Wide) -> Wide:
        """What an elementary operation with that exact result returns."""
        bits, smallest = _FORMATS[self.dtype]
        if self.rounding is Rounding.NEAREST:
            unit = self.spacing(exact)
            return self._within_range(np.asarray(np.rint(exact / unit) * unit))
        sign = {
            Rounding.AWAY: np.ones(exact.shape),
            Rounding.TOWARDS: -np.ones(exact.shape),
            Rounding.RANDOM: self.generator.integers(0, 1, exact.shape, endpoint=True) * 2 - 1,
        }[self.rounding]
        moved = exact * (1 + self.wide(sign) * 2.0**-bits)
        return self._within_range(np.where(np.abs(exact) < 2.0**smallest, 0, moved))

    def _within_range(self, x: Wide) -> Wide:
        limit = np.ldexp(self.wide(1.0), 2 - _FORMATS[self.dtype][1])
        return np.where(np.abs(x) >= limit, np.copysign(np.inf, x), x)

    def constant(self, constant: float) -> Wide:
        """A constant in the dtype; 0 and ±1 are exact."""
        return self.wide(constant) if abs(constant) in (0, 1) else self.round(self.wide(constant))

    def call(self, function: Callable[[Wide], Wide], x: Wide) -> Wide:
        """A library function, off by up to `ulps` and its rounding; always the same way where rounding is."""
        with np.errstate(over="ignore", under="ignore"):
            exact = function(x)
        low = self.ulps if self.rounding is Rounding.AWAY else -self.ulps
        high = -self.ulps if self.rounding is Rounding.TOWARDS else self.ulps
        off = self.generator.integers(low, high, exact.shape, endpoint=True)
        return np.where(np.isinf(exact), exact, self.round(exact) + off * self.spacing(exact))

    def dot(self, x: Wide, y: Wide, start: Wide | None = None) -> Wide:
        """The sum of x·y over the last axis, after broadcasting, with `start` added last."""
        total = self._sum(x, y)
        return total if start is None else self.round(total + start)

    def _sum(self, x: Wide, y: Wide) -> Wide:
        x, y = np.broadcast_arrays(x, y)
        order = list(range(x.shape[-1]))
        if self.summation is Summation.REVERSE:
            order.reverse()
        if self.summation is Summation.SHUFFLED:
            self.generator.shuffle(order)
        if self.summation is Summation.FUSED:
            total = self.round(x[..., 0] * y[..., 0])
            for i in order[1:]:
                total = self.round(x[..., i] * y[..., i] + total)
            return total
        return self._added([self.round(x[..., i] * y[..., i]) for i in order])

    def total(self, terms: list[Wide]) -> Wide:
        """Their sum, in the order of summation; zeros are left as they are, as hardware does."""
        order = list(range(len(terms)))
        if self.summation is Summation.REVERSE:
            order.reverse()
        if self.summation is Summation.SHUFFLED:
            self.generator.shuffle(order)
        total = terms[order[0]]
        for i in order[1:]:
            both = (total != 0) & (terms[i] != 0)
            total = np.where(both, self.round(total + terms[i]), total + terms[i])
        return total

    def _added(self, terms: list[Wide]) -> Wide:
        while len(terms) > 1:
            if self.summation is Summation.PAIRWISE:
                pairs = [self.round(a + b) for a, b in zip(terms[::2], terms[1::2], strict=False)]
                terms = pairs + terms[len(pairs) * 2 :]
            else:
                terms = [self.round(terms[0] + terms[1]), *terms[2:]]
        return terms[0]


Formula = Callable[[Machine, Curve, Wide], Wide]


def value(m: Machine, layer: Curve, z: Wide) -> Wide:
    """The activation at z by the formula of torch."""
    one, below = m.wide(1.0), np.minimum(z, 0)
    match layer:
        case ReLU():
            return np.maximum(z, 0)
        case NegativePart():
            return below
        case GELU():
            return m.round(m.wide(0.5) * z * m.round(one + _bend(m, layer, z)))
        case LeakyReLU(negative_slope=slope):
            return np.where(z > 0, z, _times(m, m.constant(slope), z))
        case Sigmoid():
            return m.round(one / m.round(one + m.call(np.exp, -z)))
        case Tanh():
            return m.call(np.tanh, z)
        case LogSigmoid():
            return m.round(below - m.call(np.log1p, m.call(np.exp, -np.abs(z))))
        case ELU() | SELU():
            upper, lower = _constants(m, layer)
            return np.where(z > 0, _times(m, upper, z), _times(m, lower, m.call(np.expm1, below)))
        case activations.Softplus(beta=beta, threshold=threshold):
            w = _times(m, m.constant(beta), z)
            curved = m.call(np.log1p, m.call(np.exp, np.minimum(w, threshold)))
            return np.where(w > _kept(m, threshold), z, curved if beta == 1 else m.round(curved / m.constant(beta)))
        case activations.SiLU():
            return m.round(z / m.round(one + m.call(np.exp, -z)))
        case activations.Mish():
            return m.round(z * _mish_gate(m, z))
        case activations.Softsign():
            return m.round(z / m.round(one + np.abs(z)))
        case activations.Hardtanh(min_val=low, max_val=high):
            return np.minimum(np.maximum(z, _kept(m, low)), _kept(m, high))
        case activations.ReLU6():
            return np.clip(z, 0, 6)
        case activations.Hardswish():
            return m.round(m.round(z * np.clip(m.round(z + 3), 0, 6)) / 6)
    raise ValueError(layer)


def _bend(m: Machine, layer: GELU, z: Wide) -> Wide:
    """erf(z/√2), or the tanh that stands for it."""
    if layer.approximate == "none":
        return m.call(_erf, m.round(z * m.constant(float(np.sqrt(0.5)))))
    cube = m.round(m.round(m.round(z * z) * z) * m.constant(0.044715))
    return m.call(np.tanh, m.round(m.constant(float(np.sqrt(2 / np.pi))) * m.round(z + cube)))


def _kept(m: Machine, constant: float) -> Wide:
    """A constant, exact where it is a number of the dtype."""
    exact = m.wide(constant)
    return exact if float(exact / m.spacing(exact)).is_integer() else m.round(exact)


def _mish_gate(m: Machine, z: Wide) -> Wide:
    return m.call(np.tanh, m.call(np.log1p, m.call(np.exp, z)))


def _erf(t: Wide) -> Wide:
    """2/√π·e^(−t²)·Σ 2ⁿt²ⁿ⁺¹/(2n + 1)!!, whose terms are all of one sign; from 6.6 on it is ±1."""
    small = np.clip(t, -6.6, 6.6)
    term = total = small
    for n in range(1, 200):
        term = term * 2 * np.square(small) / (2 * n + 1)
        total = total + term
    root = np.sqrt(np.arctan(np.ones_like(t)) * 4)
    return np.where(np.abs(t) > 6.5, np.sign(t), 2 / root * np.exp(-np.square(small)) * total)


def _constants(m: Machine, layer: Curve) -> tuple[Wide, Wide]:
    if isinstance(layer, ELU):
        return m.wide(1.0), m.constant(layer.alpha)
    scale, alpha = m.constant(1.0507009873554805), m.constant(1.6732632423543772)
    return scale, m.round(scale * alpha)


def _times(m: Machine, constant: Wide, z: Wide) -> Wide:
    return constant * z if abs(constant) in (0, 1) else m.round(constant * z)


def value_by_exp(m: Machine, layer: Curve, z: Wide) -> Wide:
    """The same, but ELU and SELU by eᶻ − 1."""
    if not isinstance(layer, ELU | SELU):
        return value(m, layer, z)
    upper, lower = _constants(m, layer)
    below = m.round(m.call(np.exp, np.minimum(z, 0)) - 1)
    return np.where(z > 0, _times(m, upper, z), _times(m, lower, below))


def slope(m: Machine, layer: Curve, z: Wide) -> Wide:
    """The derivative at z by the formula of torch."""
    one = m.wide(1.0)
    match layer:
        case ReLU():
            return np.where(z > 0, one, 0)
        case NegativePart():
            return np.where(z > 0, 0, one)
        case GELU():
            return _gelu_slope(m, layer, z)
        case LeakyReLU(negative_slope=below):
            return np.where(z > 0, one, m.constant(below))
        case Sigmoid():
            a = value(m, layer, z)
            return m.round(m.round(one - a) * a)
        case Tanh():
            return m.round(one - m.round(np.square(m.call(np.tanh, z))))
        case LogSigmoid():
            t = m.call(np.exp, -np.abs(z))
            part = m.round(t / m.round(one + t))
            return np.where(z < 0, m.round(one - part), part)
        case ELU() | SELU():
            upper, lower = _constants(m, layer)
            return np.where(z > 0, upper, _times(m, lower, m.call(np.exp, np.minimum(z, 0))))
        case activations.Softplus(beta=beta, threshold=threshold):
            w = _times(m, m.constant(beta), z)
            power = m.call(np.exp, np.minimum(w, threshold))
            # In half precision torch computes this in float32, where eʷ does not overflow.
            is_one = (w > _kept(m, threshold)) | np.isinf(power)
            return np.where(is_one, one, m.round(np.where(is_one, one, power) / m.round(power + one)))
        case activations.SiLU():
            sigmoid = value(m, Sigmoid(), z)
            return m.round(sigmoid * m.round(one + m.round(z * m.round(one - sigmoid))))
        case activations.Mish():
            gate = _mish_gate(m, z)
            turn = m.round(m.round(z * value(m, Sigmoid(), z)) * m.round(one - m.round(gate * gate)))
            return m.round(gate + turn)
        case activations.Softsign():
            d = m.round(one + np.abs(z))
            return m.round(m.round(one / d) - m.round(m.round(np.abs(z) / d) / d))
        case activations.Hardtanh(min_val=low, max_val=high):
            return np.where((z <= _kept(m, low)) | (z >= _kept(m, high)), 0, one)
        case activations.ReLU6():
            return np.where((z <= 0) | (z >= 6), 0, one)
        case activations.Hardswish():
            return np.where(z <= -3, 0, np.where(z >= 3, one, m.round(m.round(z / 3) + m.wide(0.5))))
    raise ValueError(layer)


def _gelu_slope(m: Machine, layer: GELU, z: Wide) -> Wide:
    half, bend = m.wide(0.5), _bend(m, layer, z)
    c = half * m.round(1 + bend)
    if layer.approximate == "none":
        bell = m.round(m.call(np.exp, m.round(-half * m.round(z * z))) * m.constant(float(1 / np.sqrt(2 * np.pi))))
        return m.round(c + m.round(z * bell))
    cubes = m.round(m.round(3 * m.constant(0.044715)) * m.round(z * z))
    inner = m.round(m.constant(float(np.sqrt(2 / np.pi))) * m.round(1 + cubes))
    bent = m.round(m.round(half * z * m.round(1 - m.round(bend * bend))) * inner)
    return m.round(c + bent)


def slope_by_other_formula(m: Machine, layer: Curve, z: Wide) -> Wide:
    """The derivative at z by another formula that is in use."""
    one = m.wide(1.0)
    match layer:
        case Sigmoid():
            t = m.call(np.exp, -np.abs(z))
            return m.round(t / m.round(np.square(m.round(one + t))))
        case Tanh():
            a = m.call(np.tanh, z)
            return m.round(m.round(one - a) * m.round(one + a))
        case LogSigmoid():
            return m.round(one / m.round(m.call(np.exp, z) + one))
        case activations.Softplus(threshold=threshold):
            w = _times(m, m.constant(layer.beta), z)
            return np.where(w > _kept(m, threshold), one, value(m, Sigmoid(), w))
        case activations.SiLU():
            sigmoid = value(m, Sigmoid(), z)
            return m.round(sigmoid + m.round(m.round(z * sigmoid) * m.round(one - sigmoid)))
        case activations.Softsign():
            return m.round(one / m.round(np.square(m.round(one + np.abs(z)))))
        case activations.Hardswish():
            between = m.round(m.round(m.round(2 * z) + 3) * m.constant(1 / 6))
            return np.where(z < -3, 0, np.where(z <= 3, between, one))
        case _:
            return slope(m, layer, z)


def slope_by_both_sides(m: Machine, layer: Curve, z: Wide) -> Wide:
    """The derivative of a sigmoid as σ(z)·σ(−z)."""
    if not isinstance(layer, Sigmoid):
        return slope(m, layer, z)
    return m.round(value(m, layer, z) * value(m, layer, -z))


VALUES: tuple[Formula, ...] = (value, value_by_exp)
SLOPES: tuple[Formula, ...] = (slope, slope_by_other_formula, slope_by_both_sides)
