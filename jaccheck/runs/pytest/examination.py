"""`Examination`: one check on the cases that come along; counts them, and tells the first breach of its law."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from jaccheck.case import FAMILIES, Case, boundary_cases
from jaccheck.reports import TELLING, Breach, CoverageCell, Finding, Outcome, Verdict
from jaccheck.runs.findings import finding_of, investigate
from jaccheck.runs.pytest.checks import Check
from jaccheck.runs.pytest.evidence import claim_on, has_related_laws, verdict_on
from jaccheck.runs.tally import Tally


class Broken(AssertionError):
    """A law that does not hold on a case; plain data only, since whoever stores an exception keeps what it holds."""

    def __init__(self, case: Case, breach: Breach) -> None:
        super().__init__(f"{breach.law}: {breach.message}")
        self.case = case
        self.breach = breach


@cache
def kind_of(law: str, symptom: str) -> type[Broken]:
    """A type for each symptom: Hypothesis takes failures of one type at one line for the same one."""
    words = f"{law} {symptom}".title().replace(" ", "")
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
        """Judges a case. Raises a `Broken` of its own type for each symptom."""
        breach = self._breach(case)
        if breach:
            raise kind_of(breach.law, breach.symptom)(case, breach)

    def ask_boundaries(self) -> None:
        """Judges the boundary cases of all families; breaches are left in the tally."""
        for family in FAMILIES:
            for case in boundary_cases(family, self.check.dtype):
                self._breach(case)

    def findings(self, *, seconds: float) -> list[Finding]:
        """A finding for each fault among the breaches so far, its case shrunk."""
        found: list[Finding] = []
        for suspects in self.tally.suspects.values():
            found += investigate(suspects, self.check.method, seconds=seconds)
        return found

    def finding(self, broken: Broken) -> Finding:
        """A finding on this very case, which Hypothesis has shrunk."""
        return finding_of(broken.case, self.check.method, self.check.device, broken.breach)

    @property
    def is_broken(self) -> bool:
        """Whether there was a breach."""
        return bool(self.tally.suspects)

    @property
    def cells(self) -> Sequence[CoverageCell]:
        """Coverage so far, a cell for each family."""
        return self.tally.coverage()

    @property
    def refusal(self) -> str | None:
        """The reasons why every case was refused, or None where one was not."""
        if self.check.law == "claims" or any(cell.cases > cell.refused for cell in self.cells):
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

    def _breach(self, case: Case) -> Breach | None:
        check = self.check
        verdict = (claim_on if check.law == "claims" else verdict_on)(case, check.method, check.device)
        if verdict is None:
            self.tally.count(overflowing=1)
            return None
        mine = tuple(breach for breach in verdict.breaches if _is_of(check, breach))
        self.tally.add(case, replace(verdict, breaches=mine))
        if _tells_about(check, case, verdict):
            self._asked[case.family] += 1
        else:
            self._broken_before[case.family] += bool(verdict.breaches)
        if verdict.outcome is Outcome.UNSUPPORTED:
            self._refusals[verdict.message] = None
        return mine[0] if mine else None


def _is_of(check: Check, breach: Breach) -> bool:
    """Whether a breach belongs to a check; the identities stand by agreement, which they back up."""
    identities = ("sum over samples", "homogeneity") if check.law == "agreement" else ()
    return breach.law == check.law_name or breach.law in identities


def _tells_about(check: Check, case: Case, verdict: Verdict) -> bool:
    """Whether a law was asked at all: after a crash, or for a result of another structure, most are not."""
    match check.law:
        case "claims":
            return True
        case "no_exception":
            return verdict.outcome is not Outcome.UNSUPPORTED
        case "structure":
            return bool(verdict.comparisons) or any(breach.law == "structure" for breach in verdict.breaches)
        case "agreement":
            return bool(verdict.comparisons) and verdict.outcome is not Outcome.UNDECIDED
        case "batch" | "outputs" | "freed_memory":
            return bool(verdict.comparisons) and has_related_laws(case, check.method, check.device)
        case _:
            return bool(verdict.comparisons)
