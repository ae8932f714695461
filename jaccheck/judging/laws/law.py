"""`Law`: what must hold of a method, how often it is asked, how it is asked, and how a script shows that it fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from jaccheck.case import Case
from jaccheck.judging.laws.trial import Trial
from jaccheck.judging.scripts.entries import Ending
from jaccheck.methods import Method
from jaccheck.reports import Detail, Failure, Outcome

WriteEnding = Callable[[Case, Method, Failure], Ending]


class When(Enum):
    """How often a law is asked."""

    FIRST = auto()
    """Before all others, which are not asked where it fails."""
    ALWAYS = auto()
    """On every case: it needs one call and no more."""
    REPEATED = auto()
    """Where calls are repeated: it calls the method again on the same network, or needs a pass of its own."""
    SELDOM = auto()
    """In its turn: it calls the method on a new network, and what it sees, any case shows."""
    BY_JUDGE = auto()
    """By whoever calls the method, since there is no result to ask about."""
    BY_PROCESS = auto()
    """By whoever runs the process in which the method is called."""


class LawBroken(Exception):
    """A law does not hold; carries the failure, and no tensors."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class NotAsked(Exception):
    """A law says nothing of this call, since it has no meaning on this case or for this method."""


def _nothing(trial: Trial) -> None:
    """For a law that is not asked of a result."""


def _applies(method: Method) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """One law: `ask` raises LawBroken where it does not hold, `ending` writes the lines of a script that show it."""

    name: str
    statement: str
    """What must hold."""
    sees: str = ""
    """What it sees that comparing with autograd does not."""
    when: When
    ending: WriteEnding
    ask: Callable[[Trial], None] = _nothing
    applies: Callable[[Method], bool] = _applies
    """To which methods."""
    backs: str = ""
    """The law that it backs up, and with which it is tested and counted."""

    @property
    def id(self) -> str:
        """The name as part of the name of a test."""
        return self.name.replace(" ", "_")

    def failure(self, outcome: Outcome, detail: Detail, *, call: str = "") -> Failure:
        """That it does not hold; `call` says in which call that was seen, where it was not the first."""
        return Failure(law=self.name, outcome=outcome, detail=detail, call=call)

    def broken(self, outcome: Outcome, detail: Detail, *, call: str = "") -> LawBroken:
        """The same, to be raised."""
        return LawBroken(self.failure(outcome, detail, call=call))
