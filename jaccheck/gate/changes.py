"""`Change`: what differs between two sides, told apart by kind; plain data."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from annotated_types import Ge

from jaccheck.case import Case
from jaccheck.gate.bits import LABELS
from jaccheck.gate.protocol import Observation
from jaccheck.plain import plain_data
from jaccheck.verdict import Outcome

Count = Annotated[int, Ge(0)]


class Kind(StrEnum):
    """What kind of change it is; a closed list."""

    BROKEN = "broken"
    OTHERWISE_WRONG = "otherwise wrong"
    NO_LONGER_SUPPORTED = "no longer supported"
    LEAVES = "leaves something else behind"
    SLOWER = "slower"
    MORE_MEMORY = "more memory"
    WARNS = "warns otherwise"
    OTHERWISE_REFUSED = "otherwise refused"
    NEWLY_SUPPORTED = "newly supported"
    FIXED = "fixed"
    FASTER = "faster"
    LESS_MEMORY = "less memory"

    @property
    def is_regression(self) -> bool:
        """Whether the gate stays shut for it: what touches correctness or leaves traces, and speed where asked for."""
        return self in _REGRESSIONS


_REGRESSIONS = (Kind.BROKEN, Kind.OTHERWISE_WRONG, Kind.NO_LONGER_SUPPORTED, Kind.LEAVES, Kind.SLOWER)


@plain_data
class Change:
    """One change of one method: in how many cases, on the smallest one, with what each side did there."""

    id: str
    kind: Kind
    method: str
    device: str
    base: str
    candidate: str
    seen: Count
    case: Case | None = None
    script: str = ""
    accepted: str = ""
    """The reason for which it is accepted."""

    @property
    def matters(self) -> bool:
        """Whether it keeps the gate shut."""
        return self.kind.is_regression and not self.accepted


@plain_data
class Cell:
    """Results of one method × device × dtype × family on both sides, compared."""

    method: str
    device: str
    dtype: str
    family: str
    cases: Count = 0
    same: Count = 0
    """The same bits."""
    within: Count = 0
    """Other bits, both sides within the bound."""
    different: Count = 0
    """At least one side is wrong, or the sides refuse differently."""
    refused: Count = 0
    ulps: tuple[Count, ...] = (0,) * len(LABELS)
    """Entries by how far they are apart."""
    factor_ulps: tuple[Count, ...] = (0,) * len(LABELS)
    """The same for BackPACK's own factor, compared entry by entry."""


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
