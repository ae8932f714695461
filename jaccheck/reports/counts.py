"""Sums of counts: of the shards of a run, and of the reports of several runs."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import fields, is_dataclass
from functools import cache
from itertools import zip_longest
from typing import Any, TypeVar, cast

from jaccheck.reports.outcome import Outcome
from jaccheck.reports.verify import CoverageCell, Spent, Tightness, Totals

T = TypeVar("T")

NOTHING = Totals(
    cases=0,
    comparisons=0,
    entries=0,
    undecided=0,
    outcomes=dict.fromkeys(Outcome, 0),
    modes={"exact": 0, "bound": 0, "estimate": 0},
    known_issues={},
    seconds=Spent(),
)
"""The totals of no case at all."""


def added(one: T, other: T) -> T:
    """The sum of two values: of plain data field by field, of a dict or tuple entry by entry; a name stays as it is."""
    return cast(T, _added(one, other))


def _added(one: Any, other: Any) -> Any:
    match one:
        case int() | float():
            return one + other
        case dict():
            return {**one, **{key: _added(one.get(key, 0), value) for key, value in other.items()}}
        case tuple():
            return tuple(_added(a, b) for a, b in zip_longest(one, other, fillvalue=0))
    kind: Any = type(one)
    if names := _names(kind):
        return kind(**{name: _added(getattr(one, name), getattr(other, name)) for name in names})
    return one


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else ()


def added_by(key: Callable[[T], Hashable], values: Iterable[T]) -> tuple[T, ...]:
    """One value for each key, the sum of those that have it, in the order in which keys first come."""
    sums: dict[Hashable, T] = {}
    for value in values:
        name = key(value)
        sums[name] = added(sums[name], value) if name in sums else value
    return tuple(sums.values())


def cell_key(cell: CoverageCell) -> tuple[str, str, str, str]:
    """What the counts of a cell are of."""
    return cell.method, cell.device, cell.dtype, cell.family


def tightness_key(tightness: Tightness) -> tuple[str, str, str]:
    """What the counts of a tightness are of."""
    return tightness.method, tightness.device, tightness.dtype
