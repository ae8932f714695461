"""Known issues of other people's releases, as data: expected failures, strict both ways."""

from __future__ import annotations

from dataclasses import replace

from jaccheck.case import Case
from jaccheck.judging.known.boundary import BOUNDARY_ISSUES
from jaccheck.judging.known.case_issue import CaseIssue
from jaccheck.judging.known.graphs import GRAPH_ISSUES
from jaccheck.judging.known.kernels import KERNEL_ISSUES
from jaccheck.judging.known.layers import RULED_ISSUES
from jaccheck.judging.known.others import OTHERS_ISSUES
from jaccheck.reports import Failure, Outcome, Verdict

__all__ = ["LAYER_ISSUES", "CaseIssue", "explained", "explanation"]


LAYER_ISSUES = (*RULED_ISSUES, *GRAPH_ISSUES, *BOUNDARY_ISSUES, *KERNEL_ISSUES, *OTHERS_ISSUES)
"""All that show on single cases."""


def explanation(case: Case, method: str, failure: Failure) -> CaseIssue | None:
    """The known issue that this failure is, or None."""
    return next((issue for issue in LAYER_ISSUES if issue.explains(case, method, failure)), None)


def explained(case: Case, verdict: Verdict) -> Verdict:
    """The verdict without the failures that are issues listed for the installed versions, which it then names."""
    reasons = {failure: explanation(case, verdict.method, failure) for failure in verdict.failures}
    known = tuple(dict.fromkeys(issue.id for issue in reasons.values() if issue))
    if not known:
        return verdict
    rest = tuple(failure for failure, issue in reasons.items() if not issue)
    if rest:
        return replace(verdict, failures=rest, known=known, outcome=rest[0].outcome, message=rest[0].message)
    return replace(verdict, failures=(), known=known, outcome=Outcome.KNOWN, message=f"listed: {', '.join(known)}")
