"""Progress of a gate: a live bar on a terminal, a plain line now and then elsewhere; changes as they come."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from jaccheck.case import Case
from jaccheck.gate.changes import Change

PLAIN_LINE_SECONDS = 10.0


class GateProgress:
    """Tells a console how a gate goes."""

    def __init__(self, console: Console, *, quiet: bool) -> None:
        self._console = console
        self._quiet = quiet
        self._bar: Bar | None = None
        self._started = self._spoken = time.monotonic()

    def __enter__(self) -> GateProgress:
        """Starts the bar where there is a terminal to draw it on."""
        if self._console.is_terminal and not self._quiet:
            columns = (
                TextColumn("{task.fields[family]:<16}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[changes]} changes"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
            )
            self._bar = Bar(*columns, console=self._console, transient=True)
            self._task = self._bar.add_task("", total=None, family="starting", changes=0)
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Takes the bar away."""
        if self._bar:
            self._bar.stop()

    def on_case(self, case: Case, done: int, total: int, changes: int) -> None:
        """Moves the bar, or prints a line if the last one is a while ago."""
        now = time.monotonic()
        if self._bar:
            self._bar.update(self._task, completed=done, total=total, family=case.family, changes=changes)
        elif not self._quiet and now - self._spoken >= PLAIN_LINE_SECONDS:
            self._spoken = now
            text = f"{now - self._started:.0f} s: {done} of {total} cases, {changes} changes; now {case.family}"
            self._console.print(text, highlight=False)

    def on_change(self, change: Change) -> None:
        """Prints one line; the whole of it comes with the report."""
        if not self._quiet:
            text = f"{change.kind}: {change.method}: {change.candidate}"
            self._console.print(text, highlight=False, markup=False, soft_wrap=True)
