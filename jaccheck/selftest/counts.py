"""Counts: how each mutant fared on the cases, and the false alarms on methods that are right."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from jaccheck.judging import explained
from jaccheck.methods import Method, find_method
from jaccheck.reports import JUDGES, Alarm, FalseAlarms, Judge, Kill, Mode, MutantScore, Outcome
from jaccheck.selftest.case_trial import CaseTrial, is_alarm
from jaccheck.selftest.limits import limits
from jaccheck.selftest.mutants.registry import Mutant
from jaccheck.selftest.results import TOLERANCES


class MutantCounts:
    """How one mutant fared on the cases so far."""

    def __init__(self, mutant: Mutant, judges: tuple[Judge, ...] = JUDGES) -> None:
        self._judges = judges
        self.score = MutantScore(
            name=mutant.name,
            kind=mutant.kind,
            summary=mutant.summary,
            base=mutant.base,
            expected=tuple(sorted(mutant.expected)),
        )
        self._method = mutant.method()
        self._base = find_method(mutant.base)
        self._is_triggered = mutant.when

    def meet(self, trial: CaseTrial, position: int) -> None:
        """Every judge that has not killed it yet judges its result on one case."""
        waiting = [name for name in self._judges if self.score.kill(name) is None]
        if not waiting or self._method.refuses(trial.template):
            return
        self.score = replace(self.score, tried=self.score.tried + 1)
        if not self._is_triggered(trial.template):
            return
        kills: dict[str, Any] = {}
        if "jaccheck" in waiting:
            verdict, result = trial.judge(self._method)
            if is_alarm(verdict) and trial.passes(self._base, "jaccheck", self._method):
                laws = tuple(failure.law for failure in verdict.failures)
                kills["jaccheck"] = _kill(trial, position, laws, verdict.outcome, verdict.message)
        else:
            result = trial.call(self._method)
        differs = not result.is_identical(trial.right(self._base))
        for name in waiting:
            if name == "jaccheck" or not differs:
                continue
            found = TOLERANCES[name](result, trial.autograd)
            if found and trial.passes(self._base, name, self._method):
                outcome = Outcome.CRASHED if result.error else Outcome.DISAGREES
                kills[name] = _kill(trial, position, (found[0],), outcome, found[1])
        self.score = replace(
            self.score, triggered=self.score.triggered + 1, differed=self.score.differed + differs, **kills
        )


def _kill(trial: CaseTrial, position: int, laws: tuple[str, ...], outcome: Outcome, message: str) -> Kill:
    return Kill(
        after=position,
        family=trial.case.family,
        dtype=trial.case.dtype,
        laws=laws,
        outcome=outcome,
        message=message,
    )


@dataclass(slots=True)
class AlarmCounts:
    """Results of right methods, counted by mode, and which of them each judge calls wrong."""

    alarms: list[Alarm] = field(default_factory=list)
    _results: dict[Mode, int] = field(default_factory=lambda: {"exact": 0, "bound": 0})
    _alarms: dict[tuple[Judge, Mode], int] = field(default_factory=dict)

    def add(self, trial: CaseTrial, method: Method) -> None:
        """Judges one right method on one case, unless it refuses the case or no entry can be decided."""
        if method.refuses(trial.template):
            return
        expectation = trial.reference.expectation(method)
        if expectation.undecided == len(expectation.bound):
            return
        verdict, result = trial.judge(method)
        self._results[expectation.mode] += 1
        # What a listed release does wrong is no false alarm: the judge is right.
        verdict = explained(trial.case, verdict)
        if is_alarm(verdict):
            self.alarms.append(Alarm(method=method.name, case=repr(trial.case), message=verdict.message))
            self._count("jaccheck", expectation.mode)
        for name, find_difference in TOLERANCES.items():
            if find_difference(result, trial.autograd):
                self._count(name, expectation.mode)

    def _count(self, name: Judge, mode: Mode) -> None:
        self._alarms[name, mode] = self._alarms.get((name, mode), 0) + 1

    def rates(self) -> tuple[FalseAlarms, ...]:
        """One row for each mode and judge."""
        return tuple(
            false_alarms(name, mode, results, self._alarms.get((name, mode), 0))
            for mode, results in self._results.items()
            for name in JUDGES
        )


def false_alarms(judge: Judge, mode: Mode, results: int, alarms: int) -> FalseAlarms:
    """One row, with its confidence limit."""
    return FalseAlarms(judge=judge, mode=mode, results=results, alarms=alarms, upper_limit=limits(alarms, results)[1])
