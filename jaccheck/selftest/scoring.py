"""`score`: the checks and two tolerances of torch, on mutants and on methods that are right.

A kill counts only on a case on which the same judge accepts the right method: a false alarm kills nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from jaccheck.case import Case
from jaccheck.errors import InvalidCase
from jaccheck.judging import LAWS, CaseReference, Law, laws_due, place_of
from jaccheck.methods import Method, calm_torch, describe_environment
from jaccheck.reports import JUDGES, Judge, MutantScore, MutationScore, SelftestReport
from jaccheck.selftest.case_trial import DEVICE, CaseTrial
from jaccheck.selftest.counts import AlarmCounts, MutantCounts
from jaccheck.selftest.limits import limits
from jaccheck.selftest.mutants.registry import Mutant

LawsOf = Callable[[int, Case], tuple[Law, ...]]
"""The laws that are asked of a method on a case, by their position: that of the case among all, and the method's."""

OnCase = Callable[[int, int], object]


def every_law(position: int, case: Case) -> tuple[Law, ...]:
    """All of them, on every case."""
    return LAWS


def repeating_every(count: int) -> LawsOf:
    """All laws; those that call a method again only on every `count`-th case of each method, as in profiles."""
    return lambda position, case: laws_due(position, count)


def without(law: Law, laws_of: LawsOf = every_law) -> LawsOf:
    """The same laws without one."""
    return lambda position, case: tuple(other for other in laws_of(position, case) if other is not law)


def score(
    cases: Sequence[Case],
    mutants: Iterable[Mutant],
    methods: Iterable[Method],
    *,
    laws_of: LawsOf = every_law,
    judges: tuple[Judge, ...] = JUDGES,
    on_case: OnCase = lambda done, total: None,
    start: int = 0,
) -> SelftestReport:
    """How many of `mutants` each judge kills on these cases, and how often it calls one of the right `methods` wrong.

    Every mutant meets the cases in order until all `judges` have killed it. `on_case(done, total)` is called after
    each. `start` is the position of the first of them, where they are a part of more.
    """
    started = time.perf_counter()
    counted = [MutantCounts(mutant, judges) for mutant in mutants]
    rightful, tally, overflowing = tuple(methods), AlarmCounts(), 0
    with calm_torch():
        for position, case in enumerate(cases, start=start):
            try:
                trial = CaseTrial(CaseReference(case, DEVICE), partial(_laws_of, laws_of, position, case))
            except InvalidCase:
                overflowing += 1
            else:
                for counts in counted:
                    counts.meet(trial, position + 1)
                for method in rightful:
                    tally.add(trial, method)
            on_case(position + 1 - start, len(cases))
    scores = tuple(counts.score for counts in counted)
    return SelftestReport(
        cases=len(cases),
        overflowing=overflowing,
        mutants=scores,
        scores=mutation_scores(scores),
        false_alarms=tally.rates(),
        alarms=tuple(tally.alarms),
        seconds=time.perf_counter() - started,
        environment=describe_environment({DEVICE: ""}),
    )


def _laws_of(laws_of: LawsOf, position: int, case: Case, method: str) -> tuple[Law, ...]:
    return laws_of(position + place_of(method), case)


def mutation_scores(scores: tuple[MutantScore, ...]) -> tuple[MutationScore, ...]:
    """How many of these mutants each judge killed."""
    killed = {name: sum(score.kill(name) is not None for score in scores) for name in JUDGES}
    return tuple(
        MutationScore(judge=name, killed=count, mutants=len(scores), lower_limit=limits(count, len(scores))[0])
        for name, count in killed.items()
    )
