"""`Comparison` of base and candidate, case by case, kept as counts and as the simplest case of each change.

Each case is written to a journal, so a killed gate continues where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from operator import add

import numpy as np

from jaccheck.case import Case, complexity
from jaccheck.core import plain_data
from jaccheck.gate.bits import Bits, histogram
from jaccheck.gate.changes import is_refused, is_wrong, key, kinds_of_change
from jaccheck.gate.protocol import Array, Call, Observation
from jaccheck.reports import LABELS, GateCell, Kind, Outcome

Read = Callable[[Array], Bits]

FACTOR = "sqrt_ggn_exact of "


@plain_data
class Pair:
    """What one method did on one case in base and candidate, and the distance of the results.

    Where both did the same, bit by bit, nothing is judged and there are no observations.
    """

    method: str
    refused: bool = False
    base: Observation | None = None
    candidate: Observation | None = None
    ulps: tuple[int, ...] = ()
    factor_ulps: tuple[int, ...] = ()


@plain_data
class Entry:
    """One line of the journal: a case by its number, and what every method did on it."""

    number: int
    device: str
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class ChangeKey:
    """The key of a change, the same on several cases: its kind, the method, and in which way it is wrong."""

    kind: Kind
    method: str
    device: str
    failure_key: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.method} on {self.device}{f', {self.failure_key}' if self.failure_key else ''}"


@dataclass(slots=True)
class Example:
    """The simplest case of a change so far, and in how many it was seen."""

    case: Case
    pair: Pair
    seen: int = 1


@dataclass(slots=True)
class Comparison:
    """Counts of a comparison so far; its size does not grow with the number of cases."""

    cases: int = 0
    examples: dict[ChangeKey, Example] = field(default_factory=dict)
    _cells: dict[tuple[str, str, str, str], GateCell] = field(default_factory=dict)

    def add(self, case: Case, entry: Entry) -> None:
        """Counts one case."""
        self.cases += 1
        for pair in entry.pairs:
            self._count(case, entry.device, pair)
            for change_key in changes_of(pair, entry.device):
                known = self.examples.get(change_key)
                if known is None:
                    self.examples[change_key] = Example(case, pair)
                    continue
                known.seen += 1
                if complexity(case) < complexity(known.case):
                    known.case, known.pair = case, pair

    def _count(self, case: Case, device: str, pair: Pair) -> None:
        key = (pair.method, device, case.dtype, case.family)
        cell = self._cells.get(key) or GateCell(method=pair.method, device=device, dtype=case.dtype, family=case.family)
        was, now = pair.base, pair.candidate
        judged = was is not None and now is not None
        both_right = judged and not any(is_wrong(side) or is_refused(side) for side in (was, now) if side)
        self._cells[key] = replace(
            cell,
            cases=cell.cases + 1,
            same=cell.same + (not judged and not pair.refused),
            refused=cell.refused + (not judged and pair.refused),
            within=cell.within + both_right,
            different=cell.different + (judged and not both_right),
            ulps=_sum(cell.ulps, pair.ulps),
            factor_ulps=_sum(cell.factor_ulps, pair.factor_ulps),
        )

    def cells(self) -> tuple[GateCell, ...]:
        """A cell for each method × device × dtype × family that was given a case."""
        return tuple(self._cells.values())


def _sum(counts: tuple[int, ...], more: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(map(add, counts, more)) if more else counts


def changes_of(pair: Pair, device: str) -> tuple[ChangeKey, ...]:
    """The keys of the changes that a pair shows."""
    if pair.base is None or pair.candidate is None:
        return ()
    found = []
    for kind in kinds_of_change(pair.base, pair.candidate):
        telling = pair.candidate if kind in (Kind.BROKEN, Kind.OTHERWISE_WRONG) else pair.base
        failure_key = " ".join((*telling.laws, key(telling))) if telling.outcome is not Outcome.AGREES else ""
        found.append(ChangeKey(kind, pair.method, device, failure_key))
    return tuple(found)


def unchanged(call: Call) -> Pair:
    """The pair of a method that did the same in base and candidate."""
    same = (0,) * (len(LABELS) - 1)
    return Pair(
        method=call.method,
        refused=bool(call.refusal),
        ulps=(call.entries, *same),
        factor_ulps=(call.factor_entries, *same),
    )


def pair_up(base: Observation, candidate: Observation, read_base: Read, read_candidate: Read) -> Pair:
    """Two observations with their distance in ulps, entry by entry."""
    found = {True: np.zeros(len(LABELS), np.int64), False: np.zeros(len(LABELS), np.int64)}
    others = {array.name: array for array in candidate.arrays}
    for array in base.arrays:
        other = others.get(array.name)
        if other is not None and (other.dtype, other.shape) == (array.dtype, array.shape):
            is_factor = array.name.startswith(FACTOR)
            found[is_factor] += histogram(read_base(array), read_candidate(other), array.dtype)
    return Pair(
        method=base.method,
        base=replace(base, arrays=()),  # the next case overwrites what they point to
        candidate=replace(candidate, arrays=()),
        ulps=tuple(int(n) for n in found[False]),
        factor_ulps=tuple(int(n) for n in found[True]),
    )
