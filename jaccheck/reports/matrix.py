"""`MatrixReport`: what each method does with each layer and option, as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Literal

from jaccheck.core import plain_data
from jaccheck.reports.verdict import Outcome, Verdict
from jaccheck.reports.verify import Environment


class Mark(StrEnum):
    """What a method does with a layer; a closed list."""

    RIGHT = "right"
    WRONG = "wrong"
    REFUSED = "refused"
    CRASHED = "crashed"
    UNDECIDED = "undecided"
    CONSISTENT = "consistent by estimate"
    LEAVES = "leaves something behind"
    NOT_COMPUTED = "not computed by torch"

    @property
    def sign(self) -> str:
        """One sign for a table."""
        return _SIGNS[self]


_SIGNS = {
    Mark.RIGHT: "✓",
    Mark.WRONG: "✗ wrong",
    Mark.REFUSED: "–",
    Mark.CRASHED: "crash",
    Mark.UNDECIDED: "?",
    Mark.CONSISTENT: "≈",
    Mark.LEAVES: "✓ but",
    Mark.NOT_COMPUTED: "",
}


_OF_OUTCOME = {
    Outcome.AGREES: Mark.RIGHT,
    Outcome.DISAGREES: Mark.WRONG,
    Outcome.SIDE_EFFECT: Mark.LEAVES,
    Outcome.CRASHED: Mark.CRASHED,
    Outcome.HUNG: Mark.CRASHED,
    Outcome.UNSUPPORTED: Mark.REFUSED,
    Outcome.UNDECIDED: Mark.UNDECIDED,
}


def mark_of(verdict: Verdict) -> Mark:
    """The worst of what was found: a wrong number before a crash before what is left behind."""
    if verdict.outcome is Outcome.UNDECIDED and verdict.is_estimated:
        return Mark.CONSISTENT
    outcomes = {breach.outcome for breach in verdict.breaches} or {verdict.outcome}
    order = (Outcome.DISAGREES, Outcome.CRASHED, Outcome.HUNG, Outcome.SIDE_EFFECT)
    return _OF_OUTCOME[next((outcome for outcome in order if outcome in outcomes), verdict.outcome)]


@plain_data
class CellChange:
    """A cell that is marked otherwise than before; None where only one of two matrices has it."""

    group: str
    row: str
    method: str
    dtype: str
    device: str
    was: Mark | None
    now: Mark | None
    message: str = ""
    """Why it is what it is now."""

    def __str__(self) -> str:
        was, now = (mark.value if mark else "absent" for mark in (self.was, self.now))
        why = f" ({self.message})" if self.message else ""
        return f"{self.method}, {self.group}: {self.row}, {self.dtype} on {self.device}: {was} -> {now}{why}"


@plain_data
class MatrixCell:
    """One method on one row, in one dtype on one device; `known` are the known issues that explain it."""

    group: str
    row: str
    method: str
    dtype: str
    device: str
    mark: Mark
    message: str = ""
    known: tuple[str, ...] = ()

    @property
    def place(self) -> tuple[str, str, str, str, str]:
        """What tells cells apart."""
        return self.group, self.row, self.method, self.dtype, self.device


@plain_data
class MatrixReport:
    """All cells, in the order of their rows, and what they were measured with."""

    kind: Literal["matrix"] = "matrix"
    schema_version: Literal[2] = 2
    environment: Environment
    cells: tuple[MatrixCell, ...]

    def changes(self, since: MatrixReport) -> Iterator[CellChange]:
        """Each cell that is marked otherwise, or that only one of the two has."""
        before, after = ({cell.place: cell for cell in report.cells} for report in (since, self))
        for place in dict.fromkeys((*before, *after)):
            old, new = before.get(place), after.get(place)
            was, now = (cell.mark if cell else None for cell in (old, new))
            if was is not now:
                group, row, method, dtype, device = place
                yield CellChange(
                    group=group,
                    row=row,
                    method=method,
                    dtype=dtype,
                    device=device,
                    was=was,
                    now=now,
                    message=new.message if new else "",
                )
