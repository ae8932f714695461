"""What kinds of change there are between what a method did on two sides of one case."""

from __future__ import annotations

from jaccheck.gate.protocol import Observation
from jaccheck.reports import Kind, Outcome

RIGHT, WRONG, REFUSED = "right", "wrong", "refused"


def state(observation: Observation) -> str:
    """Whether a method was right, was wrong, or refused the case."""
    match observation.outcome:
        case Outcome.AGREES | Outcome.UNDECIDED:
            return RIGHT
        case Outcome.UNSUPPORTED:
            return REFUSED
        case Outcome.CRASHED if observation.message.startswith("NotImplementedError"):
            return REFUSED
        case _:
            return WRONG


def is_exception(observation: Observation) -> bool:
    """Whether a method failed as loudly as Python can: an exception, and not the end of its process."""
    return observation.outcome is Outcome.CRASHED and not observation.message.startswith("the process")


def kinds_of_change(base: Observation, candidate: Observation) -> tuple[Kind, ...]:
    """The kinds of change between what a method did on the two sides of one case; none where nothing changed."""
    if candidate.is_absent and not base.is_absent:
        return (Kind.NO_LONGER_SUPPORTED,)  # also where it was wrong: losing a method mends nothing
    was, now = state(base), state(candidate)
    if was == now == WRONG:
        if (base.outcome, base.laws, base.symptom) == (candidate.outcome, candidate.laws, candidate.symptom):
            return ()
        return (Kind.OTHERWISE_REFUSED if is_exception(base) and is_exception(candidate) else Kind.OTHERWISE_WRONG,)
    if now == WRONG:
        return (Kind.BROKEN,)
    if was == WRONG:
        return (Kind.FIXED,)
    if was == now == REFUSED:
        return () if base.message == candidate.message else (Kind.OTHERWISE_REFUSED,)
    if now == REFUSED:
        return (Kind.NO_LONGER_SUPPORTED,)
    if was == REFUSED:
        return (Kind.NEWLY_SUPPORTED,)
    found = []
    if base.leaves != candidate.leaves:
        found.append(Kind.LEAVES)
    if base.warnings != candidate.warnings:
        found.append(Kind.WARNS)
    return tuple(found)


def told(kind: Kind, observation: Observation, other: Observation) -> str:
    """What one side did, in a few words, as far as it differs from the other."""
    match kind:
        case Kind.LEAVES:
            return _difference("leaves", observation.leaves, other.leaves)
        case Kind.WARNS:
            return _difference("warns", observation.warnings, other.warnings)
        case _:
            return f"{observation.outcome}: {observation.message}" if observation.message else observation.outcome


def _difference(verb: str, mine: tuple[str, ...], others: tuple[str, ...]) -> str:
    only = sorted(set(mine) - set(others))
    return f"{verb} {', '.join(only)}" if only else f"{verb} nothing more"
