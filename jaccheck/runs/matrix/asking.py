"""`measure`: every method on every row of the matrix, in worker processes, whose end is the outcome of a cell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from jaccheck.core import Allowed, ChildEnded, Count, Worker, plain_data
from jaccheck.errors import BrokenEnvironment
from jaccheck.reports import Environment, MatrixCell, MatrixReport, Outcome, outcome_of

GIVEN_UP_AFTER = 3
"""How many processes one method may end; each costs the start of another, and a hang costs a minute."""


@plain_data
class MatrixRequest:
    """What is to be measured, empty for all; from the row of index `start` on."""

    methods: tuple[str, ...]
    dtypes: tuple[str, ...]
    devices: tuple[str, ...]
    start: Count = 0
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


Show = Callable[[int, int, str], None]
"""Receives how many rows are done, how many there are, and what is measured now."""


def measure(request: MatrixRequest, show: Show, allowed: Allowed | None = None) -> MatrixReport:
    """The matrix. Raises a JaccheckError where something that was asked for is not here."""
    run = _Run(request, show)
    while True:
        with Worker("jaccheck.runs.matrix.answering:answer") as worker:
            try:
                environment = worker.ask(run.request, Environment, allowed or Allowed(), note=MatrixNote, hear=run.hear)
                return MatrixReport(environment=environment, cells=tuple(run.cells))
            except ChildEnded as error:
                run.go_on(error)


class _Run:
    """The cells so far, and what is left to be asked."""

    def __init__(self, request: MatrixRequest, show: Show) -> None:
        self.request = request
        self.cells: list[MatrixCell] = []
        self._show = show
        self._ended: Counter[str] = Counter()
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
        self.cells.append(replace(begun, outcome=outcome, message=str(error)))
        self._ended[begun.method] += 1
        self.request = replace(
            self.request,
            start=at.row,
            left_out=tuple(cell.method for cell in self.cells if _row(cell) == _row(begun)),
            given_up=tuple(name for name, times in self._ended.items() if times >= GIVEN_UP_AFTER),
        )


def _row(cell: MatrixCell) -> tuple[str, str, str, str]:
    return cell.group, cell.row, cell.dtype, cell.device
