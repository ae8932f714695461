"""Where all methods are off alike, it is the estimate that failed, and not they."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

from jaccheck.models.method_check import MethodCheck, Standing
from jaccheck.reports import Outcome

LEAST_METHODS = 3
LOOP = "autograd_loop"
"""Fewer methods can share a fault, and so can more, but for torch's own loop."""

ALIKE = 0.1
"""How far two methods may be apart, in parts of what both are off."""

FAILED = (
    "all methods that ran are further off than the estimate allows, and alike: it is the estimate that failed, and "
    "nothing is known of them"
)


def takes_back(runs: Sequence[MethodCheck]) -> tuple[str, ...]:
    """A note where all methods, torch's own loop among them, disagree alike by estimate: they are UNDECIDED then.

    Alike is off at the same entry of the same parameter by nearly the same.
    """
    failed = False
    for standings in ({run.method.name: run.own for run in runs}, {run.method.name: run.double for run in runs}):
        judged = {n: each for n, each in standings.items() if each.comparison == "estimate"}
        compared = [each for each in judged.values() if each.entries or each.worst]
        if LOOP in judged and len(compared) >= LEAST_METHODS and _are_alike(compared):
            failed = True
            for each in compared:
                each.ends(Outcome.UNDECIDED, FAILED)
    return (FAILED,) if failed else ()


def _are_alike(standings: Sequence[Standing]) -> bool:
    first, *others = (each.worst for each in standings)
    if first is None:
        return False
    off = abs(first.actual - first.expected)
    return all(
        other is not None
        and (other.parameter, other.index) == (first.parameter, first.index)
        and (abs(other.actual - first.actual) <= ALIKE * off or (isnan(other.actual) and isnan(first.actual)))
        for other in others
    )
