"""Known faults of other people's releases, as data: expected failures, strict both ways."""

from __future__ import annotations

from dataclasses import replace

from jaccheck.case import Case
from jaccheck.known.layers import LAYER_FAULTS, CaseFault, explanation
from jaccheck.verdict import Outcome, Verdict

__all__ = ["LAYER_FAULTS", "CaseFault", "explained", "explanation"]


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
