"""`Examination`: one check on the cases that come along; counts them, and tells the first failure of its law."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from jaccheck.case import FAMILIES, Case, boundary_cases
from jaccheck.judging import AGREEMENT, CLAIMS, LAW_OF, When
from jaccheck.reports import TELLING, CoverageCell, Failure, Finding, Outcome, Verdict
from jaccheck.runs.findings import finding_of, investigate
from jaccheck.runs.pytest.checks import Check
from jaccheck.runs.pytest.elsewhere import ELSEWHERE
from jaccheck.runs.pytest.evidence import claim_on, has_related_laws, verdict_on
from jaccheck.runs.tally import Tally


class Broken(AssertionError):
    """A law that does not hold on a case; plain data only, since whoever stores an exception keeps what it holds."""

    def __init__(self, case: Case, failure: Failure) -> None:
        super().__init__(f"{failure.law}: {failure.message}")
        self.case = case
        self.failure = failure


@cache
def kind_of(law: str, key: str) -> type[Broken]:
    """A type for each key: Hypothesis takes failures of one type at one line for the same one."""
    words = f"{law} {key}".title().replace(" ", "")
    return type(words, (Broken,), {})


class Examination:
    """What one test does, apart from pytest and Hypothesis."""

    def __init__(self, check: Check) -> None:
        self.check = check
        self.tally = Tally()
        self._asked: Counter[str] = Counter()
        self._broken_before: Counter[str] = Counter()
        self._refusals: dict[str, None] = {}

    def ask(self, case: Case) -> None:
        """Judges a case. Raises a `Broken` of its own type for each key."""
        failure = self._failure(case)
        if failure:
            raise kind_of(failure.law, failure.key)(case, failure)

    def ask_boundaries(self) -> None:
        """Judges the boundary cases of all families; failures are left in the tally."""
        for family in FAMILIES:
            for case in boundary_cases(family, self.check.dtype):
                self._failure(case)

    def findings(self, *, seconds: float) -> list[Finding]:
        """A finding for each failure among the failures so far, its case shrunk."""
        found: list[Finding] = []
        for candidates in self.tally.candidates.values():
            probe = ELSEWHERE.probe if ELSEWHERE.has(self.check.device) else None
            found += investigate(candidates, self.check.method, seconds=seconds, probe=probe)
        return found

    def finding(self, broken: Broken) -> Finding:
        """A finding on this very case, which Hypothesis has shrunk."""
        return finding_of(broken.case, self.check.method, self.check.device, broken.failure)

    @property
    def is_broken(self) -> bool:
        """Whether there was a failure."""
        return bool(self.tally.candidates)

    @property
    def cells(self) -> Sequence[CoverageCell]:
        """Coverage so far, a cell for each family."""
        return self.tally.coverage()

    @property
    def refusal(self) -> str | None:
        """The reasons why every case was refused, or None where one was not."""
        if self.check.law is CLAIMS or any(cell.cases > cell.refused for cell in self.cells):
            return None
        return "; ".join(self._refusals)

    @property
    def vacuous(self) -> list[str]:
        """Families with cases that were not refused, of which none told anything about the law.

        Where another law was broken first, as by a crash, its own test says so; but one case at least must have told.
        """
        if not self._asked.total():
            return [cell.family for cell in self.cells if cell.given]
        excused = self._broken_before
        return [c.family for c in self.cells if c.given - excused[c.family] >= TELLING and not self._asked[c.family]]

    def _failure(self, case: Case) -> Failure | None:
        check = self.check
        verdict = (claim_on if check.law is CLAIMS else verdict_on)(case, check.method, check.device)
        if verdict is None:
            self.tally.count(overflowing=1)
            return None
        mine = tuple(failure for failure in verdict.failures if _is_of(check, failure))
        self.tally.add(case, replace(verdict, failures=mine))
        if _tells_about(check, case, verdict):
            self._asked[case.family] += 1
        else:
            self._broken_before[case.family] += bool(verdict.failures)
        if verdict.outcome is Outcome.UNSUPPORTED:
            self._refusals[verdict.message] = None
        return mine[0] if mine else None


def _is_of(check: Check, failure: Failure) -> bool:
    """Whether a failure belongs to a check: is of its law, or of one that backs it up."""
    return check.law.name in (failure.law, LAW_OF[failure.law].backs)


def _tells_about(check: Check, case: Case, verdict: Verdict) -> bool:
    """Whether a law was asked at all: after a crash, or for a result of another structure, most are not."""
    law, is_compared = check.law, bool(verdict.comparisons)
    if law.when is When.BY_JUDGE:
        return law is CLAIMS or verdict.outcome is not Outcome.UNSUPPORTED
    if law.when is When.FIRST:
        return is_compared or any(failure.law == law.name for failure in verdict.failures)
    if law.when is When.SELDOM:
        return is_compared and has_related_laws(case, check.method, check.device)
    return is_compared and (law is not AGREEMENT or verdict.is_telling)
