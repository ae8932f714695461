"""Rules of sums, means and maxima over the last axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaccheck.oracle.assumptions import Arithmetic
from jaccheck.oracle.graph.graph import Node
from jaccheck.oracle.graph.rule import Flow, GraphRule, Slope, graph_rule, rounded, through
from jaccheck.oracle.graph.uncertain import Uncertain


@graph_rule("sum")
class Total(GraphRule):
    """The sum over the last axis, in any order, divided by `divisor`, or multiplied with its rounded inverse."""

    def forward(self, node: Node, x: Sequence[Uncertain], ar: Arithmetic) -> tuple[Uncertain, Any]:
        divisor, n = float(node.options.get("divisor", 1.0)), x[0].v.shape[-1]
        value, moved, reached = (each.sum(axis=-1) / divisor for each in (x[0].v, x[0].E, x[0].size))
        moved_r = np.sqrt(n) / abs(divisor) * x[0].r
        roundings = max(n - 1, 0) + (0 if divisor == 1 else 2)
        own = ar.gamma(roundings) * np.abs(reached) + np.where(reached != 0, 2 * roundings * ar.eta, 0.0)
        return rounded(value, np.abs(moved), moved_r, own), (n, divisor)

    def backward(self, node: Node, saved: Any, flow: Flow, ar: Arithmetic, often: Sequence[int]) -> Sequence[Flow]:
        n, divisor = saved

        def spread(rows: np.ndarray) -> np.ndarray:
            return np.broadcast_to(rows[..., None] / abs(divisor), (*rows.shape, n))

        sign = np.sign(divisor)
        terms = 0 if divisor == 1 else 2 + often[0]
        root = np.sqrt(n) / abs(divisor)
        by = Slope(
            linear=lambda g: sign * spread(g), magnitude=spread, terms=terms, fan=n, norm=root, row=1 / abs(divisor)
        )
        return [through(by, flow, ar)]


@graph_rule("max")
class Maximum(GraphRule):
    """The largest over the last axis, of equal ones the first, as pooling takes it; or, for `even`, all of them.

    |max â − max a| ≤ max E, in length no more than r. Any a_i + E_i ≥ max(a_j − E_j) may be chosen: the derivative goes
    to the largest and may go to any of those. Where some are equal exactly and the derivative is shared evenly, nothing
    is said of how.
    """

    def forward(self, node: Node, x: Sequence[Uncertain], ar: Arithmetic) -> tuple[Uncertain, Any]:
        a, E = x[0].v, x[0].E
        best = np.argmax(a, axis=-1)[..., None]
        value = np.take_along_axis(a, best, axis=-1)[..., 0]
        rivals = a + E >= np.max(a - E, axis=-1, keepdims=True)
        can_move = (np.where(rivals, E, 0).max(axis=-1) > 0) | bool(node.options.get("even", False))
        is_open = (rivals.sum(axis=-1) > 1) & can_move
        first = np.zeros_like(a)
        np.put_along_axis(first, best, 1.0, axis=-1)
        doubtful = (rivals & is_open[..., None]).astype(np.float64)
        error = np.where(rivals, E, 0.0).max(axis=-1, initial=0.0)
        # A number appears in several windows: in length that is counted where it is read.
        return Uncertain.of(value, error, x[0].r), (first, doubtful)

    def backward(self, node: Node, saved: Any, flow: Flow, ar: Arithmetic, often: Sequence[int]) -> Sequence[Flow]:
        first, doubtful = saved
        reach = np.maximum(first, doubtful)
        by = Slope(
            linear=lambda g: g[..., None] * first,
            magnitude=lambda w: w[..., None] * reach,
            doubt=lambda m: m[..., None] * doubtful,
            terms=2 if node.options.get("even", False) else 0,
            norm=1.0,
            row=1.0,
        )
        return [through(by, flow, ar)]
