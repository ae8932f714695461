"""`Outcome`: what became of a method on a problem, the same closed list in every command and report."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What a method did on one problem: a drawn case, a user's model, a shape of the benchmark; a closed list."""

    AGREES = "AGREES"
    CONSISTENT = "CONSISTENT"
    DISAGREES = "DISAGREES"
    SIDE_EFFECT = "SIDE_EFFECT"
    CRASHED = "CRASHED"
    HUNG = "HUNG"
    UNSUPPORTED = "UNSUPPORTED"
    UNDECIDED = "UNDECIDED"
    KNOWN = "KNOWN"
    TOO_LARGE = "TOO_LARGE"
    NOT_RUN = "NOT_RUN"
    NOT_COMPUTED = "NOT_COMPUTED"

    @property
    def sentence(self) -> str:
        """What the outcome means, in one sentence."""
        return _SENTENCES[self]

    @property
    def is_usable(self) -> bool:
        """Whether results were compared and nothing speaks against the method: it agrees, or is consistent."""
        return self in (Outcome.AGREES, Outcome.CONSISTENT)

    @property
    def is_wrong(self) -> bool:
        """Whether the method did something that it must not do; a known issue of a release does not count."""
        return self in GRAVEST_FIRST


GRAVEST_FIRST = (Outcome.DISAGREES, Outcome.CRASHED, Outcome.HUNG, Outcome.SIDE_EFFECT)
"""Those that are wrong: a wrong number before a crash before what is left behind."""

_SENTENCES = {
    Outcome.AGREES: "Every entry that was compared is equal to the reference, or within its proven bound.",
    Outcome.CONSISTENT: "No entry differs by more than rounding is estimated to explain; nothing is proven.",
    Outcome.DISAGREES: "The result has another structure or another value than rounding explains.",
    Outcome.SIDE_EFFECT: "The result may be right, but something else was changed that the method does not declare.",
    Outcome.CRASHED: "The method raised an exception or ended its process, on a problem that it claims to support.",
    Outcome.HUNG: "The method did not return within its time limit.",
    Outcome.UNSUPPORTED: "The method declared beforehand that it does not cover this problem.",
    Outcome.UNDECIDED: "Too little could be decided: rounding can do as much as most entries are, or nobody knows.",
    Outcome.KNOWN: "It is wrong as a known issue of the installed version: see `jaccheck known`.",
    Outcome.TOO_LARGE: "The method needs more memory than it was given.",
    Outcome.NOT_RUN: "The method was not run to the end: no time was left, its process ended, or the run did.",
    Outcome.NOT_COMPUTED: "Torch itself does not compute the problem, so there is nothing to compare with.",
}
