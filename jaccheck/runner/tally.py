"""`Tally`: verdicts as they come, kept as counts; its size does not grow with the number of cases."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field, replace

from jaccheck.case import Case
from jaccheck.case.reductions import complexity
from jaccheck.report import Cell, Spent, Tightness, Totals
from jaccheck.verdict import EXCESS_LIMITS, Outcome, Verdict

CLAIM_EVERY = 16
"""Every so manyth refusal for the same reason is tried."""

MOST_SUSPECTS = 24
"""Failing cases kept for one fault."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What makes two failures the same until they are shrunk."""

    method: str
    device: str
    law: str
    outcome: Outcome


@dataclass(slots=True)
class Suspects:
    """Failing cases of one fault: the simplest for each symptom and set of layers, since they may be several faults."""

    seen: int = 0
    cases: dict[tuple[str, frozenset[str]], Case] = field(default_factory=dict)

    def add(self, case: Case, symptom: str) -> None:
        """Counts a failing case, and keeps it where it is the simplest of its kind."""
        self.seen += 1
        key = (symptom, frozenset(layer.kind for _, layer in case.leaves()))
        kept = self.cases.get(key)
        if (kept is None and len(self.cases) < MOST_SUSPECTS) or (kept and complexity(case) < complexity(kept)):
            self.cases[key] = case


@dataclass(slots=True)
class _Counts:
    cases: int = 0
    compared: int = 0
    entries: int = 0
    nonzero: int = 0
    undecided: int = 0
    refused: int = 0
    known: int = 0


@dataclass(slots=True)
class Tally:
    """Counts of a run so far."""

    cases: int = 0
    comparisons: int = 0
    entries: int = 0
    undecided: int = 0
    overflowing: int = 0
    not_computed: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    modes: Counter[str] = field(default_factory=Counter)
    spent: Spent = field(default_factory=Spent)
    suspects: dict[Fault, Suspects] = field(default_factory=dict)
    _claims: Counter[tuple[str, str]] = field(default_factory=Counter)
    _cells: dict[tuple[str, str, str, str], _Counts] = field(default_factory=dict)
    _excesses: dict[tuple[str, str, str], list[int]] = field(default_factory=dict)

    def add(self, case: Case, verdict: Verdict) -> list[Fault]:
        """Counts a verdict; returns the faults that are seen for the first time."""
        self.outcomes[verdict.outcome] += 1
        cell = self._cells.setdefault((verdict.method, verdict.device, case.dtype, case.family), _Counts())
        cell.cases += 1
        cell.refused += verdict.outcome is Outcome.UNSUPPORTED
        cell.known += verdict.outcome is Outcome.KNOWN
        if verdict.comparisons:
            first = verdict.comparisons[0]
            cell.compared += verdict.outcome not in (Outcome.UNDECIDED, Outcome.KNOWN)
            cell.entries += first.entries
            cell.nonzero += first.nonzero
            cell.undecided += first.undecided
        for comparison in verdict.comparisons:
            self.comparisons += 1
            self.entries += comparison.entries
            self.undecided += comparison.undecided
            self.modes[comparison.mode] += 1
            if comparison.mode == "bound":
                key = (verdict.method, verdict.device, case.dtype)
                counts = self._excesses.setdefault(key, [0] * (len(EXCESS_LIMITS) + 1))
                counts[bisect_left(EXCESS_LIMITS, comparison.excess)] += 1
        new = []
        for breach in verdict.breaches:
            fault = Fault(verdict.method, verdict.device, breach.law, breach.outcome)
            if fault not in self.suspects:
                self.suspects[fault] = Suspects()
                new.append(fault)
            self.suspects[fault].add(case, breach.symptom)
        return new

    def is_claim_due(self, method: str, reason: str) -> bool:
        """Whether a method's claim to be unsupported for this reason is to be tried: the first times, then seldom."""
        self._claims[method, reason] += 1
        count = self._claims[method, reason]
        return count <= 4 or count % CLAIM_EVERY == 0

    def spend(self, **seconds: float) -> None:
        """Adds seconds to what was spent, by the names of `Spent`."""
        self.spent = replace(self.spent, **{name: getattr(self.spent, name) + s for name, s in seconds.items()})

    def totals(self) -> Totals:
        """The sums so far."""
        return Totals(
            cases=self.cases,
            comparisons=self.comparisons,
            entries=self.entries,
            undecided=self.undecided,
            overflowing=self.overflowing,
            not_computed=self.not_computed,
            outcomes={outcome: self.outcomes[outcome] for outcome in Outcome},
            modes={mode: self.modes[mode] for mode in ("exact", "bound")},
            seconds=self.spent,
        )

    def tightness(self) -> tuple[Tightness, ...]:
        """How close results came to their bounds, for each method × device × dtype that was compared by bound."""
        return tuple(
            Tightness(method=method, device=device, dtype=dtype, counts=tuple(counts))
            for (method, device, dtype), counts in self._excesses.items()
        )

    def coverage(self) -> tuple[Cell, ...]:
        """A cell for each method × device × dtype × family that was given a case."""
        return tuple(
            Cell(
                method=method,
                device=device,
                dtype=dtype,
                family=family,
                cases=counts.cases,
                compared=counts.compared,
                entries=counts.entries,
                nonzero=counts.nonzero,
                undecided=counts.undecided,
                refused=counts.refused,
                known=counts.known,
            )
            for (method, device, dtype, family), counts in self._cells.items()
        )
