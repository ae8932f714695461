"""`MatrixReport`: what each method does with each layer and option, as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Literal

from jaccheck.plain import plain_data, read_text
from jaccheck.report import Environment, from_versioned_json


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


@plain_data
class MatrixCell:
    """One method on one row, in one dtype on one device; `known` are the listed faults that explain it."""

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

    schema_version: Literal[1] = 1
    environment: Environment
    cells: tuple[MatrixCell, ...]

    def changes(self, since: MatrixReport) -> Iterator[str]:
        """One line for each cell that is marked otherwise, or that only one of the two has."""
        before, after = ({cell.place: cell for cell in report.cells} for report in (since, self))
        for place in dict.fromkeys((*before, *after)):
            old, new = before.get(place), after.get(place)
            if old is None or new is None or old.mark is not new.mark:
                group, row, method, dtype, device = place
                was, now = (cell.mark.value if cell else "absent" for cell in (old, new))
                why = f" ({new.message})" if new and new.message else ""
                yield f"{method}, {group}: {row}, {dtype} on {device}: {was} -> {now}{why}"


def load(path: Path) -> MatrixReport:
    """The matrix in a file. Raises IncompatibleFile for another schema version, UnreadableFile for all else."""
    return from_versioned_json(MatrixReport, read_text(path), where=str(path))
