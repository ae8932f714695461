"""Exit codes, and the one that a report stands for."""

from __future__ import annotations

from typing import Protocol

NOTHING_FOUND, FOUND, MISUSE, OWN_FAULT = 0, 1, 2, 3
INTERRUPTED = 130


class Told(Protocol):
    """A report of a run."""

    @property
    def interrupted(self) -> bool:
        """Whether it ended before its time."""

    @property
    def has_findings(self) -> bool:
        """Whether something is wrong, as far as it came."""

    @property
    def found_something(self) -> bool:
        """The same; also where something wrong could be hidden in what was not compared."""


def code_of(report: Told, *, unanswered: int = INTERRUPTED) -> int:
    """FOUND or NOTHING_FOUND; `unanswered` of a run that was interrupted before it found anything."""
    if report.interrupted and not report.has_findings:
        return unanswered
    return FOUND if report.found_something else NOTHING_FOUND
