"""The parts of a self-test, for those who answer them side by side, and the whole that they make."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jaccheck.case import Case
from jaccheck.methods import describe_environment
from jaccheck.reports import SelftestReport
from jaccheck.selftest.asking import SelftestPart
from jaccheck.selftest.case_trial import DEVICE
from jaccheck.selftest.counts import false_alarms
from jaccheck.selftest.scoring import mutation_scores

MUTANTS = 8
"""Mutants of a part: the references of all cases, which each part computes anew, should take less time than they do."""

CASES = 60
"""Cases of a part on which all right methods are judged."""


def selftest_parts(cases: Sequence[Case], mutants: Sequence[str], methods: Sequence[str]) -> Iterator[SelftestPart]:
    """The parts, those of the cases first."""
    for start in range(0, len(cases), CASES):
        some = tuple(cases[start : start + CASES])
        yield SelftestPart(mutants=(), methods=tuple(methods), cases=some, start=start)
    for start in range(0, len(mutants), MUTANTS):
        yield SelftestPart(mutants=tuple(mutants[start : start + MUTANTS]), methods=(), cases=tuple(cases))


def selftest_of(parts: Sequence[tuple[SelftestPart, SelftestReport]], seconds: float) -> SelftestReport:
    """The report on the whole, from the reports on all parts in their order; the same as if it had been one."""
    of_cases = [found for part, found in parts if not part.mutants]
    mutants = tuple(mutant for _, found in parts for mutant in found.mutants)
    return SelftestReport(
        cases=sum(found.cases for found in of_cases),
        overflowing=sum(found.overflowing for found in of_cases),
        mutants=mutants,
        scores=mutation_scores(mutants),
        false_alarms=tuple(
            false_alarms(
                same[0].judge, same[0].mode, sum(each.results for each in same), sum(each.alarms for each in same)
            )
            for same in zip(*(found.false_alarms for found in of_cases), strict=True)
        ),
        alarms=tuple(alarm for found in of_cases for alarm in found.alarms),
        seconds=seconds,
        environment=describe_environment({DEVICE: ""}),
    )
