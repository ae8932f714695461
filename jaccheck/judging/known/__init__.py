"""Known faults of other people's releases, as data: expected failures, strict both ways."""

from __future__ import annotations

from dataclasses import replace

from jaccheck.case import Case
from jaccheck.judging.known.boundary import BOUNDARY_FAULTS
from jaccheck.judging.known.case_fault import CaseFault
from jaccheck.judging.known.graphs import GRAPH_FAULTS
from jaccheck.judging.known.kernels import KERNEL_FAULTS
from jaccheck.judging.known.layers import RULED_FAULTS
from jaccheck.judging.known.others import OTHERS_FAULTS
from jaccheck.reports import Breach, Outcome, Verdict

__all__ = ["LAYER_FAULTS", "CaseFault", "explained", "explanation"]


LAYER_FAULTS = (*RULED_FAULTS, *GRAPH_FAULTS, *BOUNDARY_FAULTS, *KERNEL_FAULTS, *OTHERS_FAULTS)
"""All that show on single cases."""


def explanation(case: Case, method: str, breach: Breach) -> CaseFault | None:
    """The listed fault that this breach is, or None."""
    return next((fault for fault in LAYER_FAULTS if fault.explains(case, method, breach)), None)


def explained(case: Case, verdict: Verdict) -> Verdict:
    """The verdict without the breaches that are faults listed for the installed versions, which it then names."""
    reasons = {breach: explanation(case, verdict.method, breach) for breach in verdict.breaches}
    known = tuple(dict.fromkeys(fault.id for fault in reasons.values() if fault))
    if not known:
        return verdict
    rest = tuple(breach for breach, fault in reasons.items() if not fault)
    if rest:
        return replace(verdict, breaches=rest, known=known, outcome=rest[0].outcome, message=rest[0].message)
    return replace(verdict, breaches=(), known=known, outcome=Outcome.KNOWN, message=f"listed: {', '.join(known)}")
