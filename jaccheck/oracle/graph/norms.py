"""Rules of normalisation: by mean and variance of what is normalised (layers, groups), or by given ones (batches)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from jaccheck.oracle.assumptions import Arithmetic, Array
from jaccheck.oracle.graph.graph import Node
from jaccheck.oracle.graph.rule import Flow, GraphRule, Slope, graph_rule, rounded, through
from jaccheck.oracle.graph.uncertain import Uncertain, flat_rows, lengths


def _mean(values: Array) -> Array:
    return np.asarray(values.mean(axis=-1, keepdims=True))


def _most(values: Array | float) -> float:
    return float(np.max(values, initial=0.0))


@dataclass(frozen=True, slots=True)
class _Normal:
    """x̂ = (x − μ)·rstd, with its errors; `reach` are the sums of absolute values that it is made of."""

    x: Uncertain
    scale: Array
    """rstd, one for each row."""
    scale_off: Array
    """How far rstd can be off, as a part of itself."""
    reach: Array
    is_fixed: bool
    steep: float
    """The largest rstd that is possible."""
    largest: float
    """The largest |x| that is possible."""


@graph_rule("layer_norm")
class Normalise(GraphRule):
    """w∘x̂ + b, x̂ = (x − μ)·rstd with mean and variance of each row, for x, w, b `(rows, n)`; w and b may be missing.

    - Movement: with σ = √(variance + ε), a norm of x − μ, |σ̂ − σ| ≤ s = ‖x̂ − x‖/√n; so rstd ≤ 1/(σ − s), and
      |Δx̂_i| ≤ (E_i + mean E)·rstd + |x̂_i|·s·rstd, in length rstd·r: its derivative is rstd times a projection.
    - Mean, by a sum in any order: off by γ_(n+1)·mean|x|. As a running one (Welford's, and its merged halves), whose
      step k rounds what it has and three times a part 1/k of what it adds: by (n/2 + 8)·max|x| times γ_(n+8)/(n + 8).
      The larger of both is e.
    - Variance, from deviations, running, or as mean square minus squared mean: off by γ_(n+8)·mean x² +
      2e(mean|x| + max|x| + e). Deviations: they are off by e all alike, which adds e². Running: a product of
      deviations from two running means, each off by e, whose sum is n times the variance. Mean square: γ_(n+2) of it,
      and 2|μ|e + e² of the other.
    - With δ that by variance + ε, rstd is off by δ/(2(1 − δ)) and four roundings of itself; x̂ by that, by e·rstd, and,
      since it may be evaluated as x·rstd − μ·rstd, joined with w and b, by γ₆ of (|x| + |μ|)·rstd.
    - Derivative: rstd(h − mean h − x̂·mean(hx̂)) with h = gw, in which x̂ may stand as x·rstd − μ·rstd outside of the
      sums, or h be multiplied with w after the sum: sums of n products, relative to (|x| + |μ|)·rstd.
    """

    def forward(self, node: Node, x: Sequence[Uncertain], ar: Arithmetic) -> tuple[Uncertain, Any]:
        a, n, eps = x[0], x[0].v.shape[-1], float(node.options["eps"])
        mean = _mean(a.v)
        centred = a.v - mean
        variance = _mean(np.square(centred))
        σ = np.sqrt(variance + eps)
        normal, size = centred / σ, a.size
        row_r = np.fmin(np.sqrt(np.square(a.E).sum(axis=-1, keepdims=True)), a.r)
        s = row_r / np.sqrt(n)
        least = np.maximum(np.maximum(σ - s, 0.0), np.sqrt(eps))
        steep = np.where(least > 0, 1 / least, np.inf)
        moved = (a.E + _mean(a.E)) * steep + np.abs(normal) * s * steep

        e, e_variance = mean_off(size, ar), variance_off(size, ar)
        δ = e_variance * np.square(steep)
        relative = np.where(δ < 1, δ / (2 * (1 - δ)), np.inf)
        relative = relative + ar.gamma(4) * (1 + relative)
        reach = (size + _mean(size) + e) * steep * (1 + relative)
        own = (np.abs(centred) + a.E + _mean(a.E)) * steep * relative + e * steep * (1 + relative)
        own = own + ar.gamma(6) * reach + np.where(reach > 0, 4 * ar.eta * (1 + steep), 0.0)
        found = rounded(normal, moved, _most(steep) * a.r, own)
        scale_off = s * steep + relative * (1 + s * steep)
        normal_ = _Normal(found, 1 / σ, scale_off, reach, False, _most(steep * (1 + relative)), _most(size))
        return _affine(found, reach, x[1:], ar), (normal_, *x[1:])

    def backward(self, node: Node, saved: Any, flow: Flow, ar: Arithmetic, often: Sequence[int]) -> Sequence[Flow]:
        return _backward(saved, flow, ar, often)


def mean_off(size: Array, ar: Arithmetic) -> Array:
    """How far the mean of each row of numbers of that size is off: see `Normalise`."""
    n = size.shape[-1]
    most = np.maximum((n + 1) * _mean(size), (n / 2 + 8) * size.max(axis=-1, keepdims=True))
    return np.asarray(ar.gamma(n + 8) / (n + 8) * most)


def variance_off(size: Array, ar: Arithmetic) -> Array:
    """How far the variance of each row of numbers of that size is off: see `Normalise`."""
    n, e, top = size.shape[-1], mean_off(size, ar), size.max(axis=-1, keepdims=True)
    return np.asarray(ar.gamma(n + 8) * _mean(np.square(size)) + 2 * e * (_mean(size) + top + e) + n * ar.eta)


@graph_rule("fixed_norm")
class NormaliseByGiven(GraphRule):
    """w∘x̂ + b with x̂ = (x − μ)·rstd, for x, w, b, mean and variance of one shape; the last two are given, and exact.

    rstd is one sum, a root and a quotient: γ₄. How it is joined with w and b is left open: five more roundings of
    (|x| + |μ|)·rstd. The derivative by w is Σ gx̂ or (Σ gx − μΣ g)·rstd, relative to the same.
    """

    def forward(self, node: Node, x: Sequence[Uncertain], ar: Arithmetic) -> tuple[Uncertain, Any]:
        a, mean, variance, eps = x[0], x[1].v, x[2].v, float(node.options["eps"])
        scale = 1 / np.sqrt(variance + eps)
        reach = (a.size + np.abs(mean)) * scale * (1 + ar.gamma(4))
        own = ar.gamma(8) * reach + np.where(reach > 0, 4 * ar.eta * (1 + scale), 0.0)
        # Of a mean and variance that are not exact nothing is claimed.
        own = own if x[1].r == 0 == x[2].r else np.full_like(own, np.inf)
        found = rounded((a.v - mean) * scale, a.E * scale, _most(scale) * a.r, own)
        off = np.full_like(scale, ar.gamma(4))
        normal = _Normal(found, scale, off, reach, True, _most(scale) * (1 + ar.gamma(4)), _most(a.size))
        return _affine(found, reach, x[3:], ar), (normal, *x[3:])

    def backward(self, node: Node, saved: Any, flow: Flow, ar: Arithmetic, often: Sequence[int]) -> Sequence[Flow]:
        first, *others = _backward(saved, flow, ar, (often[0], *often[3:]))
        nothing = Flow(flow.order, 0 * first.g, 0 * first.g, 0 * first.g, 0 * first.r, flow.lost)
        return [first, nothing, nothing, *others]


def _affine(normal: Uncertain, reach: Array, x: Sequence[Uncertain], ar: Arithmetic) -> Uncertain:
    """w∘x̂ + b, where w may have been joined with rstd before: three roundings of |w|·reach + |b|."""
    if not x:
        return normal
    w = x[0]
    moved, moved_r = (
        np.abs(normal.v) * w.E + normal.E * w.size,
        _most(np.abs(normal.v)) * w.r + _most(w.size) * normal.r,
    )
    value, size = normal.v * w.v, reach * w.size
    for b in x[1:]:
        value, size, moved, moved_r = value + b.v, size + b.size, moved + b.E, moved_r + b.r
    own = ar.gamma(3) * size + np.where(size > 0, 3 * ar.eta * (1 + w.size), 0.0)
    return rounded(value, moved, moved_r, own)


def _backward(saved: Any, flow: Flow, ar: Arithmetic, often: Sequence[int]) -> list[Flow]:
    normal, *x = saved
    a, steep = normal.x, normal.scale * (1 + normal.scale_off)
    n, w = a.v.shape[-1], (x[0] if x else Uncertain(np.ones((1, 1)), np.zeros((1, 1)), 0.0))
    weight, size, reach = w.size, np.abs(a.v) + a.E, np.maximum(normal.reach, np.abs(a.v) + a.E)

    def linear(g: Array) -> Array:
        h = g * w.v
        return np.asarray(normal.scale * (h if normal.is_fixed else h - _mean(h) - a.v * _mean(h * a.v)))

    def magnitude(d: Array) -> Array:
        h = d * weight
        return np.asarray(steep * (h if normal.is_fixed else h + _mean(h) + size * _mean(h * size)))

    def rounding_magnitude(d: Array) -> Array:
        h = d * weight
        return np.asarray(steep * (h if normal.is_fixed else h + _mean(h) + reach * _mean(h * reach)))

    def doubt(m: Array) -> Array:
        h, h_off = m * weight, m * w.E
        terms = h if normal.is_fixed else h + _mean(h) + size * _mean(h * size)
        off = normal.scale_off * normal.scale * terms
        if normal.is_fixed:
            return np.asarray(off + steep * h_off)
        moved = h_off + _mean(h_off) + size * _mean(h_off * size)
        return np.asarray(off + steep * (moved + a.E * _mean(h * size) + size * _mean(h * a.E)))

    rows = np.fmin(np.sqrt(np.square(a.E).sum(axis=-1)), a.r)
    off_x = _most(rows) / np.sqrt(n)
    off = _most(normal.scale_off)
    by_x = Slope(
        linear=linear,
        magnitude=magnitude,
        doubt=doubt,
        terms=(0 if normal.is_fixed else n * often[0]) + 12,
        fan=n + 4,
        norm=_most(steep) * _most(weight) * (1 if normal.is_fixed else 1 + off_x * (2 + off_x)),
        row=_most(weight) * steep * (1 if normal.is_fixed else 1 + off_x * (2 + off_x)),
        doubt_norm=None
        if w.r
        else lambda m: (
            lengths(m) * _most(weight) * _most(steep) * (off + (0 if normal.is_fixed else off_x * (2 + off_x)))
        ),
    )
    first = through(by_x, flow, ar)
    if not normal.is_fixed:
        # What is rounded is relative to (|x| + |μ|)·rstd, which may be more than |x̂|.
        whole = flow.m + flow.E
        first = _further(first, ar.gamma(by_x.terms) * rounding_magnitude(whole))
        # Σhx·rstd³·x, as some kernels form it, must not leave the range.
        peak = _most((whole * weight).sum(axis=-1)) * normal.steep**3 * max(normal.largest, 1) ** 2
        first = replace(first, peak=max(first.peak, float(np.nan_to_num(peak, nan=np.inf, posinf=np.inf))))
    shares = [first]
    if x:
        by_w = Slope(
            linear=lambda g: g * a.v,
            magnitude=lambda d: d * size,
            doubt=lambda m: m * a.E,
            terms=2,
            fan=2,
            norm=_most(size),
            row=size,
            doubt_norm=lambda m: flat_rows(m).max(axis=1, initial=0.0) * a.r,
        )
        share = through(by_w, flow, ar)
        shares.append(_further(share, ar.gamma(4 + often[1] + n) * (flow.m + flow.E) * reach))
    if len(x) > 1:
        shares.append(flow)
    return shares


def _further(flow: Flow, own: Array) -> Flow:
    """With more that is rounded on the way."""
    own = np.where(np.isnan(own), np.inf, own)
    return Flow(flow.order, flow.g, flow.m, flow.E + own, flow.r + lengths(own), flow.lost, flow.peak)
