"""Rules of the variance of a row and of the logarithm of its sum of exponentials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaccheck.oracle.assumptions import Arithmetic
from jaccheck.oracle.graph.graph import Node
from jaccheck.oracle.graph.norms import mean_off, variance_off
from jaccheck.oracle.graph.rule import Flow, GraphRule, Slope, graph_rule, rounded, through
from jaccheck.oracle.graph.softmax import log_sum, shift_roundings, spread
from jaccheck.oracle.graph.uncertain import Uncertain


@graph_rule("variance")
class Variance(GraphRule):
    """Σ(x − μ)²/`divisor` of each row, by any formula that `layer_norm` allows for; derivative 2(x − μ)/divisor.

    Where x moves by Δ it moves by (2Σ(x − μ)Δ + ‖Δ − mean Δ‖²)/divisor, at most (2‖x − μ‖ρ + ρ²)/divisor for ‖Δ‖ ≤ ρ.
    """

    def forward(self, node: Node, x: Sequence[Uncertain], ar: Arithmetic) -> tuple[Uncertain, Any]:
        a, n, divisor = x[0], x[0].v.shape[-1], float(node.options["divisor"])
        mean = a.v.mean(axis=-1, keepdims=True)
        centred = a.v - mean
        value = np.square(centred).sum(axis=-1) / divisor
        rho = np.fmin(np.sqrt(np.square(a.E).sum(axis=-1)), a.r)
        lengths_ = np.sqrt(np.square(centred).sum(axis=-1))
        by_entries = 2 * (np.abs(centred) * a.E).sum(axis=-1)
        moved = (np.fmin(by_entries, 2 * lengths_ * rho) + np.square(rho)) / divisor
        most = float(np.max(lengths_, initial=0.0))
        moved_r = (2 * most * a.r + a.r**2) / divisor if a.r else 0.0
        own = variance_off(a.size, ar)[..., 0] * n / divisor
        own = own + ar.gamma(3) * (value + moved + own) + n * ar.eta
        found = rounded(value, moved, moved_r, own)
        off = mean_off(a.size, ar) + ar.gamma(2) * (a.size + np.abs(mean))
        slope_off = 2 * (a.E + a.E.mean(axis=-1, keepdims=True) + off) / divisor
        slope = Uncertain.of(2 * centred / divisor, slope_off, np.inf)
        return found, slope

    def backward(self, node: Node, saved: Any, flow: Flow, ar: Arithmetic, often: Sequence[int]) -> Sequence[Flow]:
        return [through(_row_by_row(saved, 4), flow, ar)]


def _row_by_row(c: Uncertain, terms: int) -> Slope:
    """A derivative by each entry of a row, of one number for each row."""
    size = c.size
    steep = float(np.max(np.sqrt(np.square(size).sum(axis=-1)), initial=0.0))
    return Slope(
        linear=lambda g: g[..., None] * c.v,
        magnitude=lambda w: w[..., None] * size,
        doubt=lambda m: m[..., None] * c.E,
        terms=terms,
        fan=c.v.shape[-1],
        norm=steep,
        row=size,
    )


@graph_rule("logsumexp")
class LogSumExp(GraphRule):
    """t + log Σ e^(s − t) of each row; derivative e^(s − result), a distribution p.

    It moves by log Σ pe^E at most, in length by ‖p‖ ≤ 1 times the movement; s − t and the result are rounded, the sum
    is off by library(1, n) and its logarithm by library(1) of itself.
    """

    def forward(self, node: Node, x: Sequence[Uncertain], ar: Arithmetic) -> tuple[Uncertain, Any]:
        s, n = x[0], x[0].v.shape[-1]
        value = log_sum(s.v)
        moved = spread(s.v, s.E) - s.E
        moved = np.max(moved, axis=-1, keepdims=True, initial=0.0)
        shift = shift_roundings(s, ar, 1)
        own = np.max(spread(s.v, s.E + shift) - s.E - shift, axis=-1, keepdims=True, initial=0.0) - moved
        own = np.maximum(own, 0) + ar.library(2, n + 2) * (1 + np.log(n))
        own = own + ar.gamma(1) * (np.abs(value) + moved + own) + (n + 2) * ar.eta
        found = rounded(value[..., 0], moved[..., 0], s.r, own[..., 0])
        p = np.exp(s.v - value)
        off = s.E + found.E[..., None]
        off = off + ar.gamma(1) * np.where(np.isfinite(s.v), np.abs(s.v - value) + off, 0.0)
        E = p * np.expm1(np.minimum(off, 700.0)) * (1 + ar.library()) + ar.library() * p + ar.eta
        return found, Uncertain.of(p, np.where(np.isneginf(s.v), 0.0, E), np.inf)

    def backward(self, node: Node, saved: Any, flow: Flow, ar: Arithmetic, often: Sequence[int]) -> Sequence[Flow]:
        return [through(_row_by_row(saved, 2), flow, ar)]
