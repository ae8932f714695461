"""Known issues of other people's releases, as data: expected failures, strict both ways."""

from __future__ import annotations

from dataclasses import replace

from jaccheck.case import Case
from jaccheck.judging.known.boundary import BOUNDARY_ISSUES
from jaccheck.judging.known.captum import CAPTUM_ISSUES
from jaccheck.judging.known.case_issue import CaseIssue
from jaccheck.judging.known.graphs import GRAPH_ISSUES
from jaccheck.judging.known.kernels import KERNEL_ISSUES
from jaccheck.judging.known.layers import RULED_ISSUES
from jaccheck.judging.known.others import OTHERS_ISSUES
from jaccheck.judging.known.views import VIEW_ISSUES
from jaccheck.judging.known.xla import XLA_ISSUES
from jaccheck.methods import Method
from jaccheck.reports import Failure, Outcome, Verdict

__all__ = ["LAYER_ISSUES", "CaseIssue", "explained", "explanation", "explanations", "likenesses", "listed"]


LAYER_ISSUES = (
    *(*RULED_ISSUES, *GRAPH_ISSUES, *BOUNDARY_ISSUES, *KERNEL_ISSUES),
    *(*VIEW_ISSUES, *OTHERS_ISSUES, *CAPTUM_ISSUES, *XLA_ISSUES),
)
"""All that show on single cases."""


def explanation(case: Case, method: str, failure: Failure, device: str = "cpu") -> CaseIssue | None:
    """The known issue that this failure is, or None."""
    return next((issue for issue in LAYER_ISSUES if issue.explains(case, method, failure, device)), None)


def explanations(case: Case, verdict: Verdict) -> tuple[str, ...]:
    """The ids of all issues that could be behind a verdict's failures; none where one failure is not listed."""
    found = [
        [issue.id for issue in LAYER_ISSUES if issue.explains(case, verdict.method, failure, verdict.device)]
        for failure in verdict.failures
    ]
    return tuple(dict.fromkeys(name for names in found for name in names)) if all(found) else ()


def listed(case: Case, method: str) -> tuple[str, ...]:
    """The ids of the issues that the installed versions have, and that the method may show on the case."""
    return tuple(issue.id for issue in LAYER_ISSUES if issue.may_show(case, method))


def likenesses(case: Case, method: Method, failure: Failure) -> tuple[str, ...]:
    """The ids of issues that fail so on a case, where the method is somebody's own, and listed with none."""
    return tuple(issue.id for issue in LAYER_ISSUES if not method.is_ours and issue.is_like(case, failure))


def explained(case: Case, verdict: Verdict) -> Verdict:
    """The verdict without the failures that are issues listed for the installed versions, which it then names."""
    reasons = {failure: explanation(case, verdict.method, failure, verdict.device) for failure in verdict.failures}
    known = tuple(dict.fromkeys(issue.id for issue in reasons.values() if issue))
    if not known:
        return verdict
    rest = tuple(failure for failure, issue in reasons.items() if not issue)
    if rest:
        return replace(verdict, failures=rest, known=known, outcome=rest[0].outcome, message=rest[0].message)
    return replace(verdict, failures=(), known=known, outcome=Outcome.KNOWN, message=f"known issue: {', '.join(known)}")
