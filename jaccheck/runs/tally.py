"""`Tally`: verdicts and results of shards as they come, kept as sums; it does not grow with the number of cases."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field, replace

from jaccheck.case import Case, complexity
from jaccheck.reports import (
    NOTHING,
    TEST_RATIO_LIMITS,
    Comparison,
    CoverageCell,
    Outcome,
    Spent,
    Tightness,
    Totals,
    Verdict,
    added,
    cell_key,
    tightness_key,
)
from jaccheck.runs.plan import Shard
from jaccheck.runs.results import Candidate, Candidates, FailureGroup, Sums

MOST_CANDIDATES = 24
"""Failing cases kept for one failure."""


@dataclass(slots=True)
class Tally:
    """Sums so far; `candidates` has the failing cases of each failure."""

    totals: Totals = NOTHING
    candidates: dict[FailureGroup, Candidates] = field(default_factory=dict)
    _cells: dict[tuple[str, str, str, str], CoverageCell] = field(default_factory=dict)
    _tightness: dict[tuple[str, str, str], Tightness] = field(default_factory=dict)

    def add(self, case: Case, verdict: Verdict, *, shard: Shard | None = None, index: int = 0) -> list[FailureGroup]:
        """Counts a verdict on a case of a shard; returns the failures that are seen for the first time."""
        found = [
            Candidates(
                group=FailureGroup(
                    method=verdict.method, device=verdict.device, law=failure.law, outcome=failure.outcome
                ),
                seen=1,
                cases=(Candidate(key=failure.key, case=case, message=failure.message, shard=shard, index=index),),
            )
            for failure in verdict.failures
        ]
        return self.merge(
            Sums(
                totals=_totals_of(verdict),
                coverage=(_cell_of(case, verdict),),
                tightness=tuple(_tightness_of(case, verdict, c) for c in verdict.comparisons if c.mode == "bound"),
                candidates=tuple(found),
            )
        )

    def merge(self, sums: Sums) -> list[FailureGroup]:
        """Adds sums to these; returns the failures that are seen for the first time."""
        self.totals = added(self.totals, sums.totals)
        for cell in sums.coverage:
            place = cell_key(cell)
            self._cells[place] = added(self._cells[place], cell) if place in self._cells else cell
        for tightness in sums.tightness:
            kind = tightness_key(tightness)
            self._tightness[kind] = added(self._tightness[kind], tightness) if kind in self._tightness else tightness
        new = [candidates.group for candidates in sums.candidates if candidates.group not in self.candidates]
        for candidates in sums.candidates:
            known = self.candidates.get(candidates.group)
            self.candidates[candidates.group] = _united(known, candidates) if known else candidates
        return list(dict.fromkeys(new))

    def count(self, *, cases: int = 0, overflowing: int = 0, not_computed: int = 0) -> None:
        """Counts cases that were judged, or left out for one of these reasons."""
        self.totals = added(
            self.totals, replace(NOTHING, cases=cases, overflowing=overflowing, not_computed=not_computed)
        )

    def spend(self, **seconds: float) -> None:
        """Adds seconds to what was spent, by the names of `Spent`."""
        self.totals = added(self.totals, replace(NOTHING, seconds=Spent(**seconds)))

    def coverage(self) -> tuple[CoverageCell, ...]:
        """A cell for each method × device × dtype × family that was given a case."""
        return tuple(self._cells.values())

    def tightness(self) -> tuple[Tightness, ...]:
        """How close results came to their bounds, for each method × device × dtype that was compared by bound."""
        return tuple(self._tightness.values())

    def sums(self) -> Sums:
        """All of it as plain data."""
        return Sums(
            totals=self.totals,
            coverage=self.coverage(),
            tightness=self.tightness(),
            candidates=tuple(self.candidates.values()),
        )


def _totals_of(verdict: Verdict) -> Totals:
    modes = [comparison.mode for comparison in verdict.comparisons]
    return replace(
        NOTHING,
        comparisons=len(modes),
        entries=sum(comparison.entries for comparison in verdict.comparisons),
        undecided=sum(comparison.undecided for comparison in verdict.comparisons),
        outcomes={verdict.outcome: 1},
        modes={mode: modes.count(mode) for mode in modes},
        known_issues=dict.fromkeys(verdict.known, 1),
    )


def _cell_of(case: Case, verdict: Verdict) -> CoverageCell:
    first = verdict.comparisons[0] if verdict.comparisons else None
    return CoverageCell(
        method=verdict.method,
        device=verdict.device,
        dtype=case.dtype,
        family=case.family,
        cases=1,
        compared=int(first is not None and verdict.outcome is not Outcome.KNOWN and verdict.is_telling),
        entries=first.entries if first else 0,
        nonzero=first.nonzero if first else 0,
        undecided=first.undecided if first else 0,
        refused=int(verdict.outcome is Outcome.UNSUPPORTED),
        known=int(verdict.outcome is Outcome.KNOWN),
    )


def _tightness_of(case: Case, verdict: Verdict, comparison: Comparison) -> Tightness:
    counts = [0] * (len(TEST_RATIO_LIMITS) + 1)
    counts[bisect_left(TEST_RATIO_LIMITS, comparison.test_ratio)] = 1
    return Tightness(method=verdict.method, device=verdict.device, dtype=case.dtype, counts=tuple(counts))


def _united(known: Candidates, more: Candidates) -> Candidates:
    """Both together; of the cases the simplest for each key and set of layers, since they may be several failures."""
    kept = {_kind(candidate): candidate for candidate in known.cases}
    for candidate in more.cases:
        other = kept.get(_kind(candidate))
        if other is None or _rank(candidate) < _rank(other):
            kept[_kind(candidate)] = candidate
    simplest = sorted(kept.values(), key=_rank)
    return replace(known, seen=known.seen + more.seen, cases=tuple(simplest[:MOST_CANDIDATES]))


def _kind(candidate: Candidate) -> tuple[str, frozenset[str]]:
    return candidate.key, frozenset(layer.kind for _, layer in candidate.case.leaves())


def _rank(candidate: Candidate) -> tuple[tuple[int, ...], str]:
    """The simplest first, and always the same one of two that are equally simple."""
    return complexity(candidate.case), repr(candidate.case)
