"""One fault on its way through the cases, and the false alarms on methods that are right."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from jaccheck.methods import Method, find_method
from jaccheck.reports import JUDGES, Alarm, FalseAlarms, FaultScore, Judge, Kill, Mode, Outcome
from jaccheck.selftest.arena import Arena, is_alarm
from jaccheck.selftest.limits import limits
from jaccheck.selftest.mutants.registry import Fault
from jaccheck.selftest.results import TOLERANCES


class FaultTrial:
    """One fault on its way through the cases."""

    def __init__(self, fault: Fault) -> None:
        self.score = FaultScore(
            name=fault.name,
            kind=fault.kind,
            summary=fault.summary,
            base=fault.base,
            expected=tuple(sorted(fault.expected)),
        )
        self._method = fault.method()
        self._base = find_method(fault.base)
        self._is_triggered = fault.when

    def meet(self, arena: Arena, position: int) -> None:
        """Every judge that has not killed it yet looks at its result on one case."""
        waiting = [name for name in JUDGES if self.score.kill(name) is None]
        if not waiting or self._method.refuses(arena.template):
            return
        self.score = replace(self.score, tried=self.score.tried + 1)
        if not self._is_triggered(arena.template):
            return
        kills: dict[str, Any] = {}
        if "jaccheck" in waiting:
            verdict, result = arena.judge(self._method)
            if is_alarm(verdict) and arena.passes(self._base, "jaccheck"):
                laws = tuple(breach.law for breach in verdict.breaches)
                kills["jaccheck"] = _kill(arena, position, laws, verdict.outcome, verdict.message)
        else:
            result = arena.call(self._method)
        differs = not result.is_identical(arena.right(self._base))
        for name in waiting:
            if name == "jaccheck" or not differs:
                continue
            found = TOLERANCES[name](result, arena.autograd)
            if found and arena.passes(self._base, name):
                outcome = Outcome.CRASHED if result.error else Outcome.DISAGREES
                kills[name] = _kill(arena, position, (found[0],), outcome, found[1])
        self.score = replace(
            self.score, triggered=self.score.triggered + 1, differed=self.score.differed + differs, **kills
        )


def _kill(arena: Arena, position: int, laws: tuple[str, ...], outcome: Outcome, message: str) -> Kill:
    return Kill(
        after=position,
        family=arena.case.family,
        dtype=arena.case.dtype,
        laws=laws,
        outcome=outcome,
        message=message,
    )


@dataclass(slots=True)
class AlarmTally:
    """Results of right methods, counted by mode, and which of them each judge calls wrong."""

    alarms: list[Alarm] = field(default_factory=list)
    _results: dict[Mode, int] = field(default_factory=lambda: {"exact": 0, "bound": 0})
    _alarms: dict[tuple[Judge, Mode], int] = field(default_factory=dict)

    def add(self, arena: Arena, method: Method) -> None:
        """Judges one right method on one case, unless it refuses it or nothing of it can be decided."""
        if method.refuses(arena.template):
            return
        expectation = arena.reference.expectation(method)
        if expectation.undecided == len(expectation.bound):
            return
        verdict, result = arena.judge(method)
        self._results[expectation.mode] += 1
        if is_alarm(verdict):
            self.alarms.append(Alarm(method=method.name, case=repr(arena.case), message=verdict.message))
            self._count("jaccheck", expectation.mode)
        for name, find_fault in TOLERANCES.items():
            if find_fault(result, arena.autograd):
                self._count(name, expectation.mode)

    def _count(self, name: Judge, mode: Mode) -> None:
        self._alarms[name, mode] = self._alarms.get((name, mode), 0) + 1

    def rates(self) -> tuple[FalseAlarms, ...]:
        """One row for each mode and judge."""
        return tuple(
            FalseAlarms(
                judge=name,
                mode=mode,
                results=results,
                alarms=self._alarms.get((name, mode), 0),
                upper_limit=limits(self._alarms.get((name, mode), 0), results)[1],
            )
            for mode, results in self._results.items()
            for name in JUDGES
        )
