"""`GraphRule`: what the oracle knows of one operation; and how errors go through its derivative.

Of an operation y = f(x) a rule gives the value in float64, how far any conventional evaluation can be from it
(`Uncertain`: by entries and by length), and the same for the derivative of the outputs by x, from that by y. u, γ_n
and η are as in `assumptions.py`; a docstring names the formulas that its bound allows for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from jaccheck.oracle.assumptions import Arithmetic, Array
from jaccheck.oracle.bounds import Order
from jaccheck.oracle.graph.graph import Node
from jaccheck.oracle.graph.uncertain import Uncertain, flat_rows, length, lengths, rows_of

R = TypeVar("R", bound="type[GraphRule]")

Linear = Callable[[Array], Array]
"""A linear map of rows `(C, *shape of y)` to rows `(C, *shape of x)`."""


@dataclass(frozen=True, slots=True)
class Flow:
    """The derivative of C outputs by some numbers, `(C, *shape)`, and all that bounds its error.

    As in `bounds.py`: roundings are relative to m, |g| in reverse mode; in any other order m is the product of all
    absolute values on the way, and lengths say nothing.
    """

    order: Order
    g: Array
    m: Array
    E: Array
    r: Array
    """The length of the error of each row."""
    lost: Array
    """What underflow can add to any entry in forward mode, for each row."""
    peak: float = 0.0
    """The largest magnitude that a partial sum can reach."""
    summed: Array | None = None
    """The length of the error of each row once it is added up over equal numbers, where that is known to be less."""


class GraphRule:
    """The rule of a kind of operation. `saved` is what its forward evaluation leaves for the backward one."""

    def forward(self, node: Node, x: Sequence[Uncertain], ar: Arithmetic) -> tuple[Uncertain, Any]:
        """Its value with bounds, and what the backward evaluation needs."""
        raise NotImplementedError

    def backward(self, node: Node, saved: Any, flow: Flow, ar: Arithmetic, often: Sequence[int]) -> Sequence[Flow]:
        """The share of each input in the derivative; `often` says how often one number occurs in each input."""
        raise NotImplementedError


GRAPH_RULES: dict[str, GraphRule] = {}
"""The rule of each operation, by name."""


def graph_rule(*names: str) -> Callable[[R], R]:
    """Enters a rule under these names."""

    def enter(cls: R) -> R:
        GRAPH_RULES.update({name: cls() for name in names})
        return cls

    return enter


@dataclass(frozen=True, slots=True, kw_only=True)
class Slope:
    """The derivative of an operation by one input, as a linear map J of rows and what bounds the errors of its numbers.

    `magnitude` applies the sum of absolute values that J is evaluated by, with numbers as large as they can be;
    `doubt` what those numbers can be off by. `norm` ≥ ‖Ĵ‖₂ of every Ĵ that is possible, `row` the same for the row of
    J that makes each entry, `doubt_norm(m)` the length of what `doubt` is a bound of. `terms` is how often anything is
    rounded in a row, `fan` how many more there can be in forward mode.
    """

    linear: Linear
    magnitude: Linear
    doubt: Linear | None = None
    terms: int
    fan: int = 1
    norm: float = np.inf
    row: Array | float = np.inf
    doubt_norm: Callable[[Array], Array] | None = None
    summed_norm: float = np.inf
    """`norm` where equal numbers are added up, which occur `often` times."""
    often: int = 1
    amplified: float = 1.0
    """What underflow within the evaluation can be multiplied by."""


def through(slope: Slope, flow: Flow, ar: Arithmetic) -> Flow:
    """ĝ Ĵ beside g J, evaluated with k roundings in a row: with T the map `magnitude` and D the map `doubt`,

    |ĝĴ − gJ| ≤ |ĝ − g||Ĵ| + |g||Ĵ − J| + roundings ≤ T(E) + D(m) + γ_k T(m + E) + 2kη, and the first of these is in
    length at most ‖Ĵ‖·r.
    """
    whole, k = flow.m + flow.E, slope.terms + (slope.fan if flow.order is Order.ANY else 0)
    g, reached = slope.linear(flow.g), slope.magnitude(whole)
    own = _known(ar.gamma(k) * reached + np.where(reached > 0, 2 * k * ar.eta * slope.amplified, 0.0))
    doubt = _known(slope.doubt(flow.m)) if slope.doubt else np.zeros_like(g)
    carried = _known(slope.magnitude(flow.E))
    peak = float(np.nan_to_num(np.max(reached, initial=0.0), nan=np.inf, posinf=np.inf))
    if flow.order is Order.ANY:
        lost = flow.lost + 2 * k * ar.eta * slope.amplified * flat_rows(whole).sum(axis=1)
        E = _known(carried + doubt + own)
        return Flow(flow.order, g, slope.magnitude(flow.m), E, lengths(E), lost, peak)
    doubtful = lengths(doubt)
    if slope.doubt_norm:
        doubtful = np.minimum(doubtful, slope.doubt_norm(flow.m))
    carried = np.fmin(carried, slope.row * rows_of(flow.r, carried))
    E = carried + np.minimum(doubt, rows_of(doubtful, doubt)) + own
    r = np.fmin(slope.norm * flow.r + doubtful + lengths(own), lengths(E))
    summed = _known(slope.summed_norm * flow.r + np.sqrt(slope.often) * (doubtful + lengths(own)))
    return Flow(
        flow.order,
        g,
        np.abs(g),
        np.minimum(E, rows_of(r, E)),
        r,
        flow.lost,
        peak,
        np.nan_to_num(summed, nan=np.inf, posinf=np.inf),
    )


def _known(bound: Array) -> Array:
    """Nothing is known of what is NaN, as 0·∞."""
    return np.where(np.isnan(bound), np.inf, bound)


def unchanged(flow: Flow, sign: float = 1.0) -> Flow:
    """The same derivative, or its negative."""
    return replace(flow, g=sign * flow.g, peak=0.0)


def by_entries(c: Uncertain, terms: int) -> Slope:
    """A derivative entry by entry: y moves with x times c, a product of so many roundings."""
    steep = np.abs(c.v) + c.E
    return Slope(
        linear=lambda g: g * c.v,
        magnitude=lambda w: w * steep,
        doubt=lambda m: m * c.E,
        terms=terms,
        norm=float(np.max(steep, initial=0.0)),
        row=steep,
        doubt_norm=lambda m: flat_rows(m).max(axis=1, initial=0.0) * c.r,
    )


def rounded(value: Array, moved: Array, moved_r: float, own: Array) -> Uncertain:
    """A value that moves with its inputs by `moved`, in length by `moved_r`, and rounds by `own` itself."""
    return Uncertain.of(value, np.fmin(moved, moved_r) + own, moved_r + length(own))
