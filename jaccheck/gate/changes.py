"""The kinds of change between what a method did in base and candidate on one case."""

from __future__ import annotations

from jaccheck.gate.protocol import Observation
from jaccheck.reports import Kind, Outcome, Raised


def is_refused(observation: Observation) -> bool:
    """Whether a method refused the case: beforehand, or by NotImplementedError in the call."""
    return observation.outcome is Outcome.UNSUPPORTED or error_type(observation) == NotImplementedError.__name__


def is_wrong(observation: Observation) -> bool:
    """Whether a method did something wrong."""
    return observation.outcome.is_wrong and not is_refused(observation)


def is_exception(observation: Observation) -> bool:
    """Whether a method failed as loudly as Python can: an exception, and not the end of its process."""
    return observation.outcome is Outcome.CRASHED and error_type(observation) is not None


def error_type(observation: Observation) -> str | None:
    """The type of the exception that a method raised first, or None where it raised none."""
    detail = observation.failure.detail if observation.failure else None
    return detail.error_type if isinstance(detail, Raised) else None


def key(observation: Observation) -> str:
    """What makes two failures under one law the same."""
    return observation.failure.key if observation.failure else ""


def kinds_of_change(base: Observation, candidate: Observation) -> tuple[Kind, ...]:
    """The kinds of change between base and candidate on one case; none if nothing changed."""
    if candidate.is_absent and not base.is_absent:
        return (Kind.NO_LONGER_SUPPORTED,)  # also where it was wrong: losing a method is no improvement
    was_wrong, is_wrong_now = is_wrong(base), is_wrong(candidate)
    was_refused, is_refused_now = is_refused(base), is_refused(candidate)
    if was_wrong and is_wrong_now:
        if (base.outcome, base.laws, key(base)) == (candidate.outcome, candidate.laws, key(candidate)):
            return ()
        if _only_what_base_has(base, candidate):
            return (Kind.FIXED,)
        return (Kind.OTHERWISE_REFUSED if is_exception(base) and is_exception(candidate) else Kind.OTHERWISE_WRONG,)
    if is_wrong_now:
        return (Kind.BROKEN,)
    if was_wrong:
        return (Kind.FIXED,)
    if was_refused and is_refused_now:
        return () if base.message == candidate.message else (Kind.OTHERWISE_REFUSED,)
    if is_refused_now:
        return (Kind.NO_LONGER_SUPPORTED,)
    if was_refused:
        return (Kind.NEWLY_SUPPORTED,)
    found = []
    if base.leaves != candidate.leaves:
        found.append(Kind.LEAVES)
    if base.warnings != candidate.warnings:
        found.append(Kind.WARNS)
    return tuple(found)


def _only_what_base_has(base: Observation, candidate: Observation) -> bool:
    """Whether a candidate that is wrong in another way mends an issue, and shows one that stood behind it.

    Both are wrong in listed ways alone, and the base has what the candidate shows: its own failure only came first.
    """
    is_mended = bool(set(base.known) - set(candidate.known))
    return is_mended and bool(candidate.known) and set(candidate.known) <= set(base.listed)


def told(kind: Kind, observation: Observation, other: Observation) -> str:
    """What base or candidate did, in a few words, as far as it differs from the other."""
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
