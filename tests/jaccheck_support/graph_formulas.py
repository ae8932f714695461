"""Every rule of a graph evaluated by the formulas in use, on a simulated `Machine`; shares no code with the bounds.

A formula has a forward part, from inputs to the value and what is kept, and some backward parts, from what is kept and
the derivative by the value to that by each input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaccheck_support.simulation import SLOPES, VALUES, Machine, Wide, _erf

Options = dict[str, Any]
Forward = Callable[[Machine, Sequence[Wide], Options], tuple[Wide, Any]]
Backward = Callable[[Machine, Any, Wide, Options], Sequence[Wide]]


@dataclass(frozen=True, slots=True)
class Formula:
    """One way to compute a value, and the ways to compute its derivative from what that leaves."""

    forward: Forward
    backward: tuple[Backward, ...]


def total(m: Machine, x: Wide) -> Wide:
    """The sum over the last axis, in the machine's order."""
    return m.total([x[..., i] for i in range(x.shape[-1])])[..., None]


def mean(m: Machine, x: Wide) -> Wide:
    return m.round(total(m, x) / x.shape[-1])


def running(m: Machine, x: Wide) -> tuple[Wide, Wide]:
    """Mean and variance by Welford."""
    μ, S = x[..., :1], m.wide(np.zeros_like(x[..., :1]))
    for k in range(1, x.shape[-1]):
        d = m.round(x[..., k : k + 1] - μ)
        μ = m.round(μ + m.round(d / (k + 1)))
        S = m.round(S + m.round(d * m.round(x[..., k : k + 1] - μ)))
    return μ, m.round(S / x.shape[-1])


def two_passes(m: Machine, x: Wide) -> tuple[Wide, Wide]:
    μ = mean(m, x)
    return μ, mean(m, m.round(np.square(m.round(x - μ))))


def squares(m: Machine, x: Wide) -> tuple[Wide, Wide]:
    """The mean square minus the squared mean."""
    μ = mean(m, x)
    return μ, np.maximum(m.round(mean(m, m.round(np.square(x))) - m.round(np.square(μ))), 0)


def normalised(statistics: Callable[[Machine, Wide], tuple[Wide, Wide]], *, joined: bool) -> Forward:
    """With weight and bias; `joined` as x·(rstd·w) + (b − μ·rstd·w)."""

    def forward(m: Machine, inputs: Sequence[Wide], options: Options) -> tuple[Wide, Any]:
        x, w, b = inputs
        μ, v = statistics(m, x)
        rstd = m.round(1 / m.round(np.sqrt(m.round(v + m.constant(options["eps"])))))
        if joined:
            scale = m.round(rstd * w)
            y = m.round(m.round(x * scale) + m.round(b - m.round(μ * scale)))
        else:
            y = m.round(m.round(m.round(m.round(x - μ) * rstd) * w) + b)
        return y, (x, w, μ, rstd)

    return forward


def by_terms(m: Machine, kept: Any, g: Wide, options: Options) -> Sequence[Wide]:
    """rstd/n·(n·h − Σh − x̂·Σhx̂)."""
    x, w, μ, rstd = kept
    n, h, normal = x.shape[-1], m.round(g * w), m.round(m.round(x - μ) * rstd)
    first = m.round(m.round(n * h) - total(m, h))
    second = m.round(normal * total(m, m.round(h * normal)))
    return m.round(m.round(rstd / n) * m.round(first - second)), m.round(g * normal), g


def by_moments(m: Machine, kept: Any, g: Wide, options: Options) -> Sequence[Wide]:
    """rstd·h + b·x + c, as ATen's kernels for the CPU do it."""
    x, w, μ, rstd = kept
    n, h = x.shape[-1], m.round(g * w)
    ds, db = total(m, m.round(h * x)), total(m, h)
    cube = m.round(m.round(rstd * rstd) * rstd)
    b = m.round(m.round(m.round(m.round(db * μ) - ds) * cube) / n)
    c = m.round(m.round(-b * μ) - m.round(m.round(db * rstd) / n))
    dx = m.round(m.round(m.round(rstd * h) + m.round(b * x)) + c)
    dw = m.round(m.round(m.round(g * x) - m.round(g * μ)) * rstd)
    return dx, dw, g


def given_statistics(*, joined: bool) -> Forward:

    def forward(m: Machine, inputs: Sequence[Wide], options: Options) -> tuple[Wide, Any]:
        x, μ, v, w, b = inputs
        found = normalised(lambda m, x: (μ, v), joined=joined)
        return found(m, (x, w, b), options)

    return forward


def by_given(m: Machine, kept: Any, g: Wide, options: Options) -> Sequence[Wide]:
    x, w, μ, rstd = kept
    nothing = 0 * g
    return m.round(m.round(g * w) * rstd), nothing, nothing, m.round(m.round(m.round(x - μ) * rstd) * g), g


def by_given_joined(m: Machine, kept: Any, g: Wide, options: Options) -> Sequence[Wide]:
    x, w, μ, rstd = kept
    nothing = 0 * g
    dw = m.round(m.round(m.round(g * x) - m.round(g * μ)) * rstd)
    return m.round(g * m.round(w * rstd)), nothing, nothing, dw, g


def softmax(m: Machine, inputs: Sequence[Wide], options: Options) -> tuple[Wide, Any]:
    (s,) = inputs
    top = s.max(axis=-1, keepdims=True)
    e = m.call(np.exp, m.round(s - top))
    z = total(m, e)
    p = m.round(e / z)
    return p, (s, top, z, p)


def softmax_back(m: Machine, kept: Any, g: Wide, options: Options) -> Sequence[Wide]:
    p = kept[-1]
    return (m.round(p * m.round(g - total(m, m.round(p * g)))),)


def softmax_back_products(m: Machine, kept: Any, g: Wide, options: Options) -> Sequence[Wide]:
    p = kept[-1]
    products = m.round(p * g)
    return (m.round(products - m.round(p * total(m, products))),)


def softmax_back_again(m: Machine, kept: Any, g: Wide, options: Options) -> Sequence[Wide]:
    """As fused attention does it, with p anew from the logarithm of the sum."""
    s, top, z, _ = kept
    again = m.call(np.exp, m.round(s - m.round(top + m.call(np.log, z))))
    return softmax_back(m, (again,), g, options)


def log_softmax(m: Machine, inputs: Sequence[Wide], options: Options) -> tuple[Wide, Any]:
    (s,) = inputs
    shifted = m.round(s - s.max(axis=-1, keepdims=True))
    y = m.round(shifted - m.call(np.log, total(m, m.call(np.exp, shifted))))
    return y, (y,)


def log_softmax_back(m: Machine, kept: Any, g: Wide, options: Options) -> Sequence[Wide]:
    return (m.round(g - m.round(m.call(np.exp, kept[0]) * total(m, g))),)


def matmul(m: Machine, inputs: Sequence[Wide], options: Options) -> tuple[Wide, Any]:
    a, b, *c = inputs
    turned = np.swapaxes(b, 1, 2)
    return m.dot(a[:, :, None], turned[:, None], c[0] if c else None), (a, b, bool(c))


def matmul_back(m: Machine, kept: Any, g: Wide, options: Options) -> Sequence[Wide]:
    a, b, has_bias = kept
    by_a = m.dot(g[:, :, None], b[:, None])
    by_b = m.dot(np.swapaxes(a, 1, 2)[:, :, None], np.swapaxes(g, 1, 2)[:, None])
    return (by_a, by_b, g) if has_bias else (by_a, by_b)


def of_sum(m: Machine, inputs: Sequence[Wide], options: Options) -> tuple[Wide, Any]:
    (x,) = inputs
    divisor, found = options.get("divisor", 1.0), total(m, x)[..., 0]
    return (found if divisor == 1 else m.round(found / divisor)), x


def of_sum_by_inverse(m: Machine, inputs: Sequence[Wide], options: Options) -> tuple[Wide, Any]:
    (x,) = inputs
    return m.round(total(m, x)[..., 0] * m.round(m.wide(1 / options.get("divisor", 1.0)))), x


def sum_back(m: Machine, kept: Any, g: Wide, options: Options) -> Sequence[Wide]:
    divisor = options.get("divisor", 1.0)
    return (np.broadcast_to((g if divisor == 1 else m.round(g / divisor))[..., None], kept.shape),)


def maximum(m: Machine, inputs: Sequence[Wide], options: Options) -> tuple[Wide, Any]:
    (x,) = inputs
    return x.max(axis=-1), x


def maximum_back(m: Machine, kept: Any, g: Wide, options: Options) -> Sequence[Wide]:
    found = np.zeros_like(kept)
    np.put_along_axis(found, kept.argmax(axis=-1)[..., None], g[..., None], axis=-1)
    return (found,)


def variance(statistics: Callable[[Machine, Wide], tuple[Wide, Wide]]) -> Forward:
    def forward(m: Machine, inputs: Sequence[Wide], options: Options) -> tuple[Wide, Any]:
        (x,) = inputs
        μ, v = statistics(m, x)
        return m.round(m.round(v * x.shape[-1]) / options["divisor"])[..., 0], (x, μ)

    return forward


def variance_back(m: Machine, kept: Any, g: Wide, options: Options) -> Sequence[Wide]:
    x, μ = kept
    return (m.round(m.round(m.wide(2 / options["divisor"])) * m.round(g[..., None] * m.round(x - μ))),)


def logsumexp(m: Machine, inputs: Sequence[Wide], options: Options) -> tuple[Wide, Any]:
    (s,) = inputs
    top = s.max(axis=-1, keepdims=True)
    y = m.round(top + m.call(np.log, total(m, m.call(np.exp, m.round(s - top)))))
    return y[..., 0], (s, y)


def logsumexp_back(m: Machine, kept: Any, g: Wide, options: Options) -> Sequence[Wide]:
    s, y = kept
    return (m.round(g[..., None] * m.call(np.exp, m.round(s - y))),)


def add(m: Machine, inputs: Sequence[Wide], options: Options) -> tuple[Wide, Any]:
    return m.round(inputs[0] + inputs[1]), None


def mul(m: Machine, inputs: Sequence[Wide], options: Options) -> tuple[Wide, Any]:
    return m.round(inputs[0] * inputs[1]), inputs


def mul_back(m: Machine, kept: Any, g: Wide, options: Options) -> Sequence[Wide]:
    return m.round(g * kept[1]), m.round(g * kept[0])


def div(m: Machine, inputs: Sequence[Wide], options: Options) -> tuple[Wide, Any]:
    return m.round(inputs[0] / inputs[1]), inputs


def div_by_inverse(m: Machine, inputs: Sequence[Wide], options: Options) -> tuple[Wide, Any]:
    return m.round(inputs[0] * m.round(1 / inputs[1])), inputs


def div_back(m: Machine, kept: Any, g: Wide, options: Options) -> Sequence[Wide]:
    x, y = kept
    return m.round(g / y), m.round(m.round(-g * m.round(x / y)) / y)


def div_back_square(m: Machine, kept: Any, g: Wide, options: Options) -> Sequence[Wide]:
    x, y = kept
    return m.round(g * m.round(1 / y)), m.round(m.round(-g * x) / m.round(y * y))


def prelu(m: Machine, inputs: Sequence[Wide], options: Options) -> tuple[Wide, Any]:
    x, w = inputs
    return np.where(x > 0, x, m.round(w * x)), inputs


def prelu_back(m: Machine, kept: Any, g: Wide, options: Options) -> Sequence[Wide]:
    x, w = kept
    return np.where(x > 0, g, m.round(w * g)), np.where(x > 0, 0, m.round(x * g))


def activated(number: int) -> Formula:
    """By a formula of `simulation.VALUES` and all of its `SLOPES`."""

    def forward(m: Machine, inputs: Sequence[Wide], options: Options) -> tuple[Wide, Any]:
        return VALUES[number](m, options["layer"], inputs[0]), inputs[0]

    def back(slope: Any) -> Backward:
        return lambda m, kept, g, options: (m.round(g * slope(m, options["layer"], kept)),)

    return Formula(forward, tuple(back(slope) for slope in SLOPES))


def function(m: Machine, inputs: Sequence[Wide], options: Options) -> tuple[Wide, Any]:
    (z,), p = inputs, options.get("exponent", 1.0)
    match options["of"]:
        case "exp":
            y = m.call(np.exp, z)
        case "log":
            y = m.call(np.log, z)
        case "sin":
            y = m.call(np.sin, z)
        case "cos":
            y = m.call(np.cos, z)
        case "abs":
            y = np.abs(z)
        case "erf":
            y = m.call(_erf, z)
        case "log1p":
            y = m.call(np.log1p, z)
        case "rsqrt":
            y = m.round(1 / m.round(np.sqrt(z)))
        case "clamp":
            y = np.clip(z, options["low"], options["high"])
        case _:
            y = m.call(lambda z: np.power(z, p), z)
    return y, (z, y)


def function_back(m: Machine, kept: Any, g: Wide, options: Options) -> Sequence[Wide]:
    (z, y), p = kept, options.get("exponent", 1.0)
    match options["of"]:
        case "exp":
            slope = y
        case "log":
            return (m.round(g / z),)
        case "sin":
            slope = m.call(np.cos, z)
        case "cos":
            slope = -m.call(np.sin, z)
        case "abs":
            slope = np.sign(z)
        case "erf":
            bell = m.call(np.exp, m.round(-m.round(z * z)))
            slope = m.round(m.constant(float(2 / np.sqrt(np.pi))) * bell)
        case "log1p":
            return (m.round(g / m.round(1 + z)),)
        case "rsqrt":
            slope = m.round(m.round(m.wide(-0.5) * m.round(y * y)) * y)
        case "clamp":
            slope = m.wide((z >= options["low"]) & (z <= options["high"]))
        case _:
            return (m.round(g * m.round(m.constant(p) * m.call(lambda z: np.power(z, p - 1), z))),)
    return (m.round(g * slope),)


def nothing_back(m: Machine, kept: Any, g: Wide, options: Options) -> Sequence[Wide]:
    return g, g


STATISTICS = (running, two_passes, squares)

FORMULAS: dict[str, tuple[Formula, ...]] = {
    "add": (Formula(add, (nothing_back,)),),
    "mul": (Formula(mul, (mul_back,)),),
    "div": (Formula(div, (div_back, div_back_square)), Formula(div_by_inverse, (div_back,))),
    "prelu": (Formula(prelu, (prelu_back,)),),
    "activation": (activated(0), activated(1)),
    "function": (Formula(function, (function_back,)),),
    "matmul": (Formula(matmul, (matmul_back,)),),
    "sum": (Formula(of_sum, (sum_back,)), Formula(of_sum_by_inverse, (sum_back,))),
    "max": (Formula(maximum, (maximum_back,)),),
    "softmax": (Formula(softmax, (softmax_back, softmax_back_products)),),
    "log_softmax": (Formula(log_softmax, (log_softmax_back,)),),
    "layer_norm": tuple(
        Formula(normalised(statistics, joined=joined), (by_terms, by_moments))
        for statistics in STATISTICS
        for joined in (False, True)
    ),
    "variance": tuple(Formula(variance(statistics), (variance_back,)) for statistics in STATISTICS),
    "logsumexp": (Formula(logsumexp, (logsumexp_back,)),),
    "fixed_norm": tuple(
        Formula(given_statistics(joined=joined), (by_given, by_given_joined)) for joined in (False, True)
    ),
}
"""The formulas of each rule."""

FUSED_SOFTMAX = Formula(softmax, (softmax_back, softmax_back_again))
"""Of a softmax within a fused attention."""
