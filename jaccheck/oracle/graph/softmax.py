"""Rules of the softmax over the last axis and of its logarithm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaccheck.oracle.assumptions import Arithmetic, Array
from jaccheck.oracle.graph.graph import Node
from jaccheck.oracle.graph.rule import Flow, GraphRule, Slope, graph_rule, rounded, through
from jaccheck.oracle.graph.uncertain import Uncertain, length

HALF = 0.5
"""‖diag(p) − ppᵀ‖₂ ≤ 1/2 for every p that is a distribution: its rows have absolute sums 2p(1 − p)."""


def _sum(values: Array) -> Array:
    return np.asarray(values.sum(axis=-1, keepdims=True))


def log_sum(s: Array) -> Array:
    """log Σ eˢ of each row."""
    top = s.max(axis=-1, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    return np.asarray(top + np.log(_sum(np.exp(s - top))))


def spread(s: Array, off: Array) -> Array:
    """How far log p can move where each s_i moves by `off_i`: off_i + log Σ pe^off, from Σ pe^−off ≥ 1/Σ pe^off."""
    return np.asarray(off + np.maximum(log_sum(s + off) - log_sum(s), 0))


def shift_roundings(s: Uncertain, ar: Arithmetic, roundings: int) -> Array:
    """What is rounded in s − max and in the maximum or log Σ eˢ that is subtracted: so often |s| + log n at most."""
    top = (s.v + s.E).max(axis=-1, keepdims=True)
    t = np.maximum(top - s.v + s.E, 0)
    far = t if roundings <= 1 else t + np.abs(top) + np.log(s.v.shape[-1])
    return np.asarray(ar.gamma(roundings) * np.where(np.isfinite(t), far, 0.0))


@graph_rule("softmax")
class Softmax(GraphRule):
    """e^(s − t)/Σ e^(s − t), whatever t of the row is subtracted; minus infinity, and masks far below, give 0.

    - p_i moves by at most p_i·expm1(E_i + log Σ p_j e^E_j), and all of them by ½‖ŝ − s‖.
    - s − t is rounded, which is one more movement of s; then p by exp, a sum of n and a quotient: library(1, n + 2 + r)
      of itself, and in an attention that works by blocks once more exp and a product for each block (`blocks`); there
      the backward pass computes p as e^(s − log Σ eˢ), with more rounded in the exponent.
    - Derivative p∘(g − Σ pg) or p∘g − p·Σ pg: sums of n products; ‖J(p̂) − J(p)‖ ≤ ‖p̂ − p‖(3 + ‖p̂ − p‖).
    """

    def forward(self, node: Node, x: Sequence[Uncertain], ar: Arithmetic) -> tuple[Uncertain, Any]:
        s, n, blocks = x[0], x[0].v.shape[-1], int(node.options.get("blocks", 0))
        p = np.exp(s.v - log_sum(s.v))
        shift = shift_roundings(s, ar, 4 if blocks else 1)
        moved = _apart(p, s.v, s.E)
        both = _apart(p, s.v, s.E + shift)
        high = np.minimum(p + both, 1.0)
        # log Σ p̂e^shift ≤ Σ p̂·expm1(shift), wherever p̂ has moved to.
        further = shift + _sum(high * np.expm1(np.minimum(shift, 700.0)))
        by_shift = high * np.expm1(np.minimum(further, 700.0))
        relative = ar.library(1 + blocks, n + 4 + 2 * blocks)
        own = relative * high + 2 * (n + 2) * ar.eta
        own = np.where((high > 0), own, 0.0)
        E = both + own
        r = HALF * s.r + length(by_shift) + length(own)
        return Uncertain.of(p, np.fmin(E, moved + by_shift + own), r), _saved(p, E, r, n)

    def backward(self, node: Node, saved: Any, flow: Flow, ar: Arithmetic, often: Sequence[int]) -> Sequence[Flow]:
        p, n = saved
        size, off = p.size, np.fmin(float(np.max(_row_lengths(p.E), initial=0.0)), p.r)
        by = Slope(
            linear=lambda g: p.v * (g - _sum(g * p.v)),
            magnitude=lambda w: size * (w + _sum(w * size)),
            doubt=lambda m: p.E * (m + _sum(m * size)) + p.v * _sum(m * p.E),
            terms=n + 4,
            fan=n,
            norm=HALF + off * (3 + off),
            row=1.5 * size,
            doubt_norm=lambda m: np.sqrt(np.square(m).sum(axis=tuple(range(1, m.ndim)))) * off * (3 + off),
        )
        return [through(by, flow, ar)]


def _apart(p: Array, s: Array, off: Array) -> Array:
    """How far each p can be where each s is off by so much."""
    near = p * np.expm1(np.minimum(spread(s, off), 700.0))
    # Where p itself is 0 the exponent says how large it can get.
    above = np.exp(np.minimum(s + off - log_sum(s - off), 0.0))
    return np.asarray(np.where(p > 0, np.fmin(near, np.maximum(above, p)), np.where(np.isneginf(s), 0.0, above)))


def _saved(p: Array, E: Array, r: float, n: int) -> tuple[Uncertain, int]:
    return Uncertain.of(p, E, r), n


def _row_lengths(values: Array) -> Array:
    return np.asarray(np.nan_to_num(np.sqrt(np.square(values).sum(axis=-1)), nan=np.inf, posinf=np.inf))


@graph_rule("log_softmax")
class LogSoftmax(GraphRule):
    """s − t − log Σ e^(s − t); it moves by E_i + log Σ pe^E, in length by ‖I − 1pᵀ‖ ≤ 1 + √n times ‖ŝ − s‖.

    - Roundings: two differences, and the logarithm of a sum of n, off by library(2, n + 2) of one and of log n.
    - Derivative g − p·Σ g with p as e to the result: library(1) and its error of itself.
    """

    def forward(self, node: Node, x: Sequence[Uncertain], ar: Arithmetic) -> tuple[Uncertain, Any]:
        s, n = x[0], x[0].v.shape[-1]
        value = s.v - log_sum(s.v)
        moved = spread(s.v, s.E)
        shift = shift_roundings(s, ar, 1)
        by_shift = spread(s.v, shift)
        logarithm = ar.library(2, n + 2) * (1 + np.log(n))
        own = by_shift + logarithm + ar.gamma(2) * (np.abs(value) + moved + by_shift) + (n + 4) * ar.eta
        found = rounded(value, moved, (1 + np.sqrt(n)) * s.r, own)
        p = np.exp(value)
        E = p * np.expm1(np.minimum(found.E, 700.0)) * (1 + ar.library(1)) + ar.library(1) * p + ar.eta
        return found, (Uncertain.of(p, E, np.inf), n)

    def backward(self, node: Node, saved: Any, flow: Flow, ar: Arithmetic, often: Sequence[int]) -> Sequence[Flow]:
        p, n = saved
        length_p = float(np.max(_row_lengths(p.size), initial=0.0))
        by = Slope(
            linear=lambda g: g - p.v * _sum(g),
            magnitude=lambda w: w + p.size * _sum(w),
            doubt=lambda m: p.E * _sum(m),
            terms=n + 2,
            fan=n,
            norm=1 + np.sqrt(n) * length_p,
            row=1 + np.sqrt(n) * p.size,
        )
        return [through(by, flow, ar)]
