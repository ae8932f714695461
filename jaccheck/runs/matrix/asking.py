"""`measure`: every method on every row of the matrix, in worker processes, whose end is the outcome of a cell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from jaccheck.core import Allowed, ChildEnded, Count, Worker, from_json, plain_data, to_json
from jaccheck.errors import BrokenEnvironment
from jaccheck.reports import Environment, MatrixCell, MatrixReport, Outcome, outcome_of

GIVEN_UP_AFTER = 3
"""How many processes one method may end; each costs the start of another, and a hang costs a minute."""


NOT_TRIED = "it ended too many processes on other rows"


@plain_data
class MatrixRequest:
    """What is to be measured, empty for all; the rows of index `start` to `stop`."""

    methods: tuple[str, ...]
    dtypes: tuple[str, ...]
    devices: tuple[str, ...]
    start: Count = 0
    stop: Count | None = None
    """The index after the last row; None for the end of the matrix."""
    left_out: tuple[str, ...] = ()
    """Methods that are not run on the first of these rows: they have their cells already."""
    given_up: tuple[str, ...] = ()
    """Methods that are not run at all."""


@plain_data
class MatrixNote:
    """What is done now on the row of index `row`, of `rows`, or one cell that is done.

    `begun` is the cell of the method that is called now, as it is where that does not come back; its method is "" for
    the reference, which is computed for `methods`.
    """

    row: Count = 0
    rows: Count = 0
    begun: MatrixCell | None = None
    methods: tuple[str, ...] = ()
    cell: MatrixCell | None = None


@plain_data
class MatrixPart:
    """Some rows of a matrix, what they were measured with, and those of the cells whose process ended."""

    environment: Environment
    cells: tuple[MatrixCell, ...]
    ended: tuple[MatrixCell, ...]


Show = Callable[[int, int, str], None]
"""Receives how many rows are done, how many there are, and what is measured now."""


def measure(request: MatrixRequest, show: Show, allowed: Allowed | None = None) -> MatrixReport:
    """The matrix. Raises a JaccheckError where something that was asked for is not here."""
    found = measure_part(request, show, allowed)
    return MatrixReport(environment=found.environment, cells=found.cells)


def measure_part(request: MatrixRequest, show: Show, allowed: Allowed | None = None) -> MatrixPart:
    """Its rows. Raises a JaccheckError where something that was asked for is not here."""
    run = _Run(request, show)
    while True:
        with Worker("jaccheck.runs.matrix.answering:answer") as worker:
            try:
                environment = worker.ask(run.request, Environment, allowed or Allowed(), note=MatrixNote, hear=run.hear)
                return MatrixPart(environment=environment, cells=tuple(run.cells), ended=tuple(run.ended))
            except ChildEnded as error:
                run.go_on(error)


def answer_part(text: str) -> str:
    """Some rows, measured; both ways JSON."""
    request = from_json(MatrixRequest, text, where="request")
    return to_json(measure_part(request, lambda done, rows, now: None))


class _Run:
    """The cells so far, and what is left to be asked."""

    def __init__(self, request: MatrixRequest, show: Show) -> None:
        self.request = request
        self.cells: list[MatrixCell] = []
        self.ended: list[MatrixCell] = []
        self._show = show
        self._at: MatrixNote | None = None

    def hear(self, note: MatrixNote) -> None:
        """Keeps a cell, or what is called now."""
        if note.cell:
            self.cells.append(note.cell)
        elif begun := note.begun:
            self._at = note
            now = f"{begun.group}: {begun.row}, {begun.dtype} on {begun.device}"
            self._show(note.row, note.rows, f"{now}, {begun.method}" if begun.method else now)

    def go_on(self, error: ChildEnded) -> None:
        """Enters what was called when a process ended, and leaves it out of the request."""
        at, self._at = self._at, None
        if at is None or at.begun is None:
            raise BrokenEnvironment(f"nothing can be measured: {error}")
        begun, outcome = at.begun, outcome_of(error.end)
        if not begun.method:  # torch itself: there is nothing to compare with
            cell = replace(begun, outcome=Outcome.NOT_COMPUTED, message=str(error))
            self.cells += [replace(cell, method=name) for name in at.methods]
            self.request = replace(self.request, start=at.row + 1, left_out=())
            return
        cell = replace(begun, outcome=outcome, message=str(error))
        self.cells.append(cell)
        self.ended.append(cell)
        ended = Counter(each.method for each in self.ended)
        self.request = replace(
            self.request,
            start=at.row,
            left_out=tuple(cell.method for cell in self.cells if row_of(cell) == row_of(begun)),
            given_up=tuple(name for name, times in ended.items() if times >= GIVEN_UP_AFTER),
        )


def row_of(cell: MatrixCell) -> tuple[str, str, str, str]:
    """What tells rows apart."""
    return cell.group, cell.row, cell.dtype, cell.device
