"""The rule of matrix products, batched, with or without a bias; a convolution is one of windows of its input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaccheck.oracle.assumptions import Arithmetic, Array
from jaccheck.oracle.graph.graph import ZERO, Node
from jaccheck.oracle.graph.rule import Flow, GraphRule, Slope, graph_rule, rounded, through, unchanged
from jaccheck.oracle.graph.uncertain import LARGEST_MATRIX, Uncertain, convolution_norm, lengths, norm

MOST_NUMBERS = 2**22
"""Of the matrix that a small convolution is, for its norm."""


def _times(a: Array, b: Array) -> Array:
    """Batched matrix products `(…, batch, n, k) (batch, k, m)`, as few large ones."""
    if a.ndim == 3 or a.shape[1] > 1:
        return np.asarray(a @ b)
    rows = a.reshape(-1, a.shape[-1]) @ b[0]
    return np.asarray(rows.reshape(*a.shape[:-1], b.shape[-1]))


def _turned(a: Array) -> Array:
    return np.swapaxes(a, -1, -2)


def _along(values: Array, axis: int) -> Array:
    """The 2-norms along an axis, which stays with length 1."""
    return np.asarray(
        np.nan_to_num(np.sqrt(np.square(values).sum(axis=axis, keepdims=True)), nan=np.inf, posinf=np.inf)
    )


@graph_rule("matmul")
class MatrixProduct(GraphRule):
    """A B (+ c) for A `(batch, n, k)` and B `(batch, k, m)`: sums of k products (and c) in any order.

    - |ÂB̂ − AB| ≤ E_A|B| + |A|E_B + E_A E_B, and with 2-norms of rows and columns |ΔA B| ≤ ‖ΔA_i‖‖B_j‖ for an entry,
      ‖ΔA B‖ ≤ ‖ΔA‖‖B‖₂ for all of it.
    - Roundings: γ_(k+1+r) of M = (|A| + E_A)(|B| + E_B) + |c|, and 2kη; `roundings` r are those of a fused operation.
    - Derivatives: g Bᵀ and Aᵀ g, sums of m and of n products. Where a number of A stands in several places (as in the
      windows of a convolution) all of that may be one sum, of so many times more terms.
    """

    def forward(self, node: Node, x: Sequence[Uncertain], ar: Arithmetic) -> tuple[Uncertain, Any]:
        a, b = x[0], x[1]
        k, extra = a.v.shape[2], int(node.options.get("roundings", 0))
        value, reached = _times(a.v, b.v), _times(a.size, b.size)
        # No matrix with an entry beyond the range is taken for one of numbers.
        within = max(float(np.max(each.size, initial=0.0)) for each in (a, b)) <= ar.largest
        moved, moved_r = np.zeros_like(value), 0.0
        norms = norm(a.v) if b.r else np.inf, norm(b.v) if a.r else np.inf
        if a.r:
            by_length = np.fmin(_along(a.E, 2), a.d) * _along(b.v, 1)
            moved = moved + np.fmin(_times(a.E, np.abs(b.v)), by_length)
            moved_r += min(norms[1] * a.r, _of_convolution(node, b) * a.d)
        if b.r:
            by_length = _along(a.v, 2) * np.fmin(_along(b.E, 1), b.d)
            moved = moved + np.fmin(_times(np.abs(a.v), b.E), by_length)
            moved_r += norms[0] * b.r
        if a.r and b.r:
            moved = moved + np.fmin(_times(a.E, b.E), np.fmin(_along(a.E, 2), a.d) * np.fmin(_along(b.E, 1), b.d))
            moved_r += a.r * b.r
        if len(x) == 3:
            value, reached = value + x[2].v, reached + x[2].size
            moved, moved_r = moved + x[2].E, moved_r + x[2].r
        own = ar.gamma(k + 1 + extra) * reached + np.where(reached > 0, 2 * (k + extra) * ar.eta, 0.0)
        found = rounded(value, moved, moved_r, own if within else np.full_like(own, np.inf))
        return found, (a, b, norms, len(x) == 3)

    def backward(self, node: Node, saved: Any, flow: Flow, ar: Arithmetic, often: Sequence[int]) -> Sequence[Flow]:
        a, b, (norm_a, norm_b), has_bias = saved
        extra, (n, k), m = int(node.options.get("roundings", 0)), a.v.shape[1:], b.v.shape[2]
        norm_a = norm_a if np.isfinite(norm_a) else norm(a.v)
        norm_b = norm_b if np.isfinite(norm_b) else norm(b.v)
        b_size, a_size, b_turned, a_turned = _turned(b.size), _turned(a.size), _turned(b.v), _turned(a.v)
        by_a = Slope(
            linear=lambda g: _times(g, b_turned),
            magnitude=lambda w: _times(w, b_size),
            doubt=(lambda d: np.fmin(_times(d, _turned(b.E)), _along(d, -1) * _turned(_rows(b)))) if b.r else None,
            terms=m * often[0] + extra,
            fan=k + 1,
            norm=norm_b + b.r,
            row=_turned(_along(b.v, 2) + _rows(b)),
            doubt_norm=lambda d: lengths(d) * b.r,
            summed_norm=_of_convolution(node, b) + np.sqrt(often[0]) * b.r,
            often=often[0],
        )
        by_b = Slope(
            linear=lambda g: np.asarray(a_turned @ g),
            magnitude=lambda w: np.asarray(a_size @ w),
            doubt=(lambda d: np.fmin(_turned(a.E) @ d, _turned(_columns(a)) * _along(d, -2))) if a.r else None,
            terms=n * often[1] + extra,
            fan=k + 1,
            norm=norm_a + a.r,
            row=_turned(_along(a.v, 1) + _columns(a)),
            doubt_norm=lambda d: lengths(d) * a.r,
        )
        shares = [through(by_a, flow, ar), through(by_b, flow, ar)]
        return [*shares, unchanged(flow)] if has_bias else shares


def _of_convolution(node: Node, b: Uncertain) -> float:
    """An upper bound of the norm of a convolution, from its input to its output; infinite for any other product."""
    shape, indices = node.options.get("convolution"), node.inputs[0] if node.inputs else None
    if not shape or indices is None:
        return np.inf
    different, place = np.unique(indices, return_inverse=True)
    (groups, places, k), outputs = indices.shape, b.v.shape[2]
    if different.size * groups * places * outputs > MOST_NUMBERS or different.size > LARGEST_MATRIX:
        return convolution_norm(b.v, *shape)
    # As one matrix, from each different number to each output; what padding reads is no number.
    matrix = np.zeros((different.size, groups, places, outputs))
    g, p, _ = np.indices(indices.shape)
    matrix[place.reshape(groups, places, k), g, p] = b.v[:, None]
    return norm(matrix[different != ZERO].reshape(1, -1, groups * places * outputs))


def _rows(b: Uncertain) -> Array:
    """How long the error of each row can be, `(batch, rows, 1)`."""
    return np.asarray(np.fmin(_along(b.E, 2), b.r))


def _columns(a: Uncertain) -> Array:
    """How long the error of each column can be, `(batch, 1, columns)`."""
    return np.asarray(np.fmin(_along(a.E, 1), a.r))
