"""Rules of operations on each entry by itself: sums, products, quotients, roots, and every activation with a rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from jaccheck.oracle.activations import RULES, activation
from jaccheck.oracle.assumptions import Arithmetic, Array
from jaccheck.oracle.graph.graph import Node
from jaccheck.oracle.graph.rule import Flow, GraphRule, by_entries, graph_rule, rounded, through, unchanged
from jaccheck.oracle.graph.uncertain import Uncertain, length


@graph_rule("stop", "same")
class Same(GraphRule):
    """x itself; of `stop` nothing is a derivative."""

    def forward(self, node: Node, x: Sequence[Uncertain], ar: Arithmetic) -> tuple[Uncertain, Any]:
        return x[0], None

    def backward(self, node: Node, saved: Any, flow: Flow, ar: Arithmetic, often: Sequence[int]) -> Sequence[Flow]:
        return [unchanged(flow)]


@graph_rule("round")
class Round(GraphRule):
    """x in another dtype: one rounding, and one of its derivative."""

    def forward(self, node: Node, x: Sequence[Uncertain], ar: Arithmetic) -> tuple[Uncertain, Any]:
        own = ar.gamma(1) * x[0].size + np.where(x[0].size > 0, ar.eta, 0.0)
        return rounded(x[0].v, x[0].E, x[0].r, own), None

    def backward(self, node: Node, saved: Any, flow: Flow, ar: Arithmetic, often: Sequence[int]) -> Sequence[Flow]:
        one = np.ones(node.shape)
        return [through(by_entries(Uncertain(one, 0 * one, 0.0), 1), flow, ar)]


@graph_rule("neg")
class Negative(GraphRule):
    """−x: nothing is rounded."""

    def forward(self, node: Node, x: Sequence[Uncertain], ar: Arithmetic) -> tuple[Uncertain, Any]:
        return Uncertain(-x[0].v, x[0].E, x[0].r), None

    def backward(self, node: Node, saved: Any, flow: Flow, ar: Arithmetic, often: Sequence[int]) -> Sequence[Flow]:
        return [unchanged(flow, -1.0)]


@graph_rule("add", "sub")
class Sum(GraphRule):
    """x + y or x − y: one rounding of the sum. Where x is minus infinity or the sum far below the range, as masks of

    attention are, it is no more than half as far below in any evaluation: see `softmax.py`, which needs no more.
    """

    def forward(self, node: Node, x: Sequence[Uncertain], ar: Arithmetic) -> tuple[Uncertain, Any]:
        a, b = x
        value = a.v - b.v if node.rule == "sub" else a.v + b.v
        moved = a.E + b.E
        nothing = (a.size == 0) | (b.size == 0)
        own = np.where(nothing, 0.0, ar.gamma(1) * (np.abs(value) + moved))
        own = np.where(np.isneginf(value) & np.isfinite(moved), 0.0, own)
        low = (value < 0) & np.isfinite(value) & np.isfinite(moved) & (np.abs(value) + moved + own > ar.largest)
        return rounded(value, moved, a.r + b.r, np.where(low, -value / 2, own)), None

    def backward(self, node: Node, saved: Any, flow: Flow, ar: Arithmetic, often: Sequence[int]) -> Sequence[Flow]:
        return [unchanged(flow), unchanged(flow, -1.0 if node.rule == "sub" else 1.0)]


def product(a: Uncertain, b: Uncertain, roundings: int, ar: Arithmetic) -> Uncertain:
    """a·b, rounded so often: it moves by |a|E_b + E_a|b| + E_a E_b, in length by max|a|·r_b + max(|b| + E_b)·r_a."""
    moved = np.abs(a.v) * b.E + a.E * b.size
    moved_r = _most(np.abs(a.v)) * b.r + _most(b.size) * a.r
    reached = a.size * b.size
    own = ar.gamma(roundings) * reached + np.where(reached > 0, 2 * roundings * ar.eta, 0.0)
    return rounded(a.v * b.v, moved, moved_r, own)


def _most(values: Array) -> float:
    return float(np.max(values, initial=0.0))


@graph_rule("mul")
class Product(GraphRule):
    """x·y, entry by entry; derivatives y and x."""

    def forward(self, node: Node, x: Sequence[Uncertain], ar: Arithmetic) -> tuple[Uncertain, Any]:
        return product(x[0], x[1], 1, ar), (x[0], x[1])

    def backward(self, node: Node, saved: Any, flow: Flow, ar: Arithmetic, often: Sequence[int]) -> Sequence[Flow]:
        a, b = saved
        return [through(by_entries(b, 1), flow, ar), through(by_entries(a, 1), flow, ar)]


@graph_rule("div")
class Quotient(GraphRule):
    """x/y; derivatives 1/y and −x/y², by whatever products and quotients.

    With |ŷ| ≥ |y| − E_y = d > 0: |x̂/ŷ − x/y| ≤ (E_x + |x/y|·E_y)/d. Two roundings, for a multiplication with 1/y; for
    the derivatives up to four.
    """

    def forward(self, node: Node, x: Sequence[Uncertain], ar: Arithmetic) -> tuple[Uncertain, Any]:
        a, b = x
        value, inverse = a.v / b.v, reciprocal(b)
        moved, largest = quotient_moved(a, b, value)
        own = ar.gamma(2) * (np.abs(value) + moved) + np.where(a.size > 0, 2 * ar.eta * (1 + a.size), 0.0)
        q = rounded(value, moved, largest, own)
        return q, (q, inverse)

    def backward(self, node: Node, saved: Any, flow: Flow, ar: Arithmetic, often: Sequence[int]) -> Sequence[Flow]:
        q, inverse = saved
        by_y = product(Uncertain(-q.v, q.E, q.r), inverse, 0, ar)
        # y² may underflow, which is η of it.
        lost = 2 * ar.eta * np.square(inverse.size)
        by_y = Uncertain.of(by_y.v, by_y.E + np.where(lost < 0.5, 2 * lost, np.inf) * by_y.size, np.inf)
        return [through(by_entries(inverse, 2), flow, ar), through(by_entries(by_y, 4), flow, ar)]


def quotient_moved(a: Uncertain, b: Uncertain, value: Array) -> tuple[Array, float]:
    """How far x/y moves with both, by entries and in length."""
    least = np.abs(b.v) - b.E
    inverse = np.where(least > 0, 1 / least, np.inf)
    moved = np.where((a.size == 0) & (least > 0), 0.0, (a.E + np.abs(value) * b.E) * inverse)
    return moved, _most(inverse) * a.r + _most(np.abs(value) * inverse) * b.r


def reciprocal(b: Uncertain) -> Uncertain:
    """1/y without roundings."""
    least = np.abs(b.v) - b.E
    steep = np.where(least > 0, 1 / (np.abs(b.v) * least), np.inf)
    return Uncertain.of(1 / b.v, np.where(least > 0, steep * b.E, np.inf), _most(steep) * b.r)


@graph_rule("activation")
class Activated(GraphRule):
    """An activation with a rule: its value, its slope and their bounds are those of `oracle/activations`.

    |φ(ẑ) − φ(z)| ≤ sup|φ′|·|ẑ − z|, where sup|φ′| ≤ |φ′(z)| + E_φ′ of that entry: so in length by the largest of them.
    The slope moves by sup|φ″|·|ẑ − z|, in length by the largest curvature; what a rule says beyond what it says where
    nothing is rounded is what an evaluation anywhere on z ± E is off by itself.
    """

    def forward(self, node: Node, x: Sequence[Uncertain], ar: Arithmetic) -> tuple[Uncertain, Any]:
        layer, z = node.options["layer"], x[0]
        act = activation(layer, z.v, z.E, ar)
        steep = np.abs(act.slope) + act.slope_error
        value = rounded(act.value, act.moved, _most(steep) * z.r, act.rounding)
        movement = activation(layer, z.v, z.E, replace(ar, u=0.0, eta=0.0)).slope_error
        own = act.slope_error - movement + 2.0**-50 * movement
        curved = _most(np.nan_to_num(RULES[type(layer)].curvature(layer, z.v, z.E), nan=np.inf, posinf=np.inf))
        moved_r = curved * z.r if z.r else 0.0
        return value, Uncertain.of(act.slope, act.slope_error, moved_r + length(own))

    def backward(self, node: Node, saved: Any, flow: Flow, ar: Arithmetic, often: Sequence[int]) -> Sequence[Flow]:
        return [through(by_entries(saved, 3), flow, ar)]


@graph_rule("prelu")
class Prelu(GraphRule):
    """max(x, 0) + w·min(x, 0): a product below 0; derivatives 1 or w, and min(x, 0). At a kink either side."""

    def forward(self, node: Node, x: Sequence[Uncertain], ar: Arithmetic) -> tuple[Uncertain, Any]:
        z, w = x
        is_low, is_high = z.v - z.E <= 0, z.v + z.E > 0
        below = Uncertain.of(np.minimum(z.v, 0), np.where(is_low, z.E, 0.0), z.r)
        steep = np.maximum(np.where(is_high, 1.0, 0.0), np.where(is_low, w.size, 0.0))
        reached = below.size * w.size
        own = ar.gamma(1) * reached + np.where(reached > 0, 2 * ar.eta, 0.0)
        moved_r = _most(steep) * z.r + _most(below.size) * w.r
        found = rounded(np.where(z.v > 0, z.v, w.v * z.v), steep * z.E + below.size * w.E, moved_r, own)
        slope = np.where(z.v > 0, 1.0, w.v)
        jump = np.where((np.abs(z.v) <= z.E) & (z.E > 0), np.abs(1 - w.v) + w.E, 0.0)
        slope_error = jump + np.where(is_low, w.E, 0.0)
        return found, (Uncertain.of(slope, slope_error, np.inf), below)

    def backward(self, node: Node, saved: Any, flow: Flow, ar: Arithmetic, often: Sequence[int]) -> Sequence[Flow]:
        slope, below = saved
        return [through(by_entries(slope, 1), flow, ar), through(by_entries(below, 1), flow, ar)]
