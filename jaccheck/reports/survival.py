"""`survival_of`: the failure that the end of a process is, of the method that was called in it."""

from __future__ import annotations

from jaccheck.core import End, How
from jaccheck.reports.failure import SURVIVAL, Ended, Exceeded, Failure
from jaccheck.reports.outcome import Outcome


def outcome_of(end: End) -> Outcome:
    """HUNG where its time was over, else CRASHED."""
    return Outcome.HUNG if end.how is How.TIME else Outcome.CRASHED


def survival_of(end: End) -> Failure:
    """It breaks the law of survival: it ended the process, or took more than it may."""
    match end.how:
        case How.MEMORY:
            detail: Ended | Exceeded = Exceeded(what="memory", most_bytes=end.most_bytes)
        case How.OUTPUT:
            detail = Exceeded(what="output", most_bytes=end.most_bytes)
        case _:
            detail = Ended(end=end)
    return Failure(law=SURVIVAL, outcome=outcome_of(end), detail=detail)
