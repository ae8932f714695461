"""How far a command has come: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

from jaccheck.core import printable

if TYPE_CHECKING:
    from rich import progress
    from rich.console import Console

PLAIN_LINE_SECONDS = 10.0
BAR_WIDTH = 20
BESIDE = BAR_WIDTH + 2 * len("0:00:00") + 3
"""Columns that the bar and two times take."""


class Progress:
    """A bar that leaves nothing behind, or a line every ten seconds; nothing where it is quiet.

    The bar is drawn on the console that a command prints its results on, so that they come to stand above it; where
    that is no terminal, bar and lines go to standard error, so that results alone are in a pipe or a file.
    `seconds` is how long the command may take, where time ends it.
    """

    def __init__(self, console: Console, *, quiet: bool = False, seconds: float | None = None) -> None:
        self._results = console
        self._quiet = quiet
        self._limit = seconds
        self._started = self._spoken = time.monotonic()
        self._bar: progress.Progress | None = None

    def __enter__(self) -> Progress:
        """Starts the bar where there is a terminal to draw it on."""
        from rich import progress
        from rich.console import Console

        self._console = self._results if self._results.is_terminal else Console(stderr=True)
        if self._console.is_terminal and not self._quiet:
            self._bar = progress.Progress(
                progress.TimeElapsedColumn(),
                progress.BarColumn(BAR_WIDTH),
                progress.TimeRemainingColumn(),
                progress.TextColumn("{task.description}", markup=False),
                console=self._console,
                transient=True,
                redirect_stdout=sys.stdout.isatty(),
                redirect_stderr=sys.stderr.isatty(),
            )
            self._task = self._bar.add_task("starting", total=None)
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Takes the bar away."""
        if self._bar:
            self._bar.stop()

    def show(self, done: int, total: int | None, unit: str, *counts: str, now: str = "") -> None:
        """Moves the bar, with counts and what is going on beside it; or prints them if the last line is a while ago."""
        clock = time.monotonic()
        elapsed = clock - self._started
        of = f" of {total}" if total else ""
        text = printable(", ".join((f"{done}{of} {unit}", *counts)) + (f"; now {now}" if now else ""))
        if self._bar:
            share = (done, total) if self._limit is None else (min(elapsed, self._limit), self._limit)
            room = max(self._console.width - BESIDE, BAR_WIDTH)
            shown = text if len(text) <= room else f"{text[: room - 1]}…"
            self._bar.update(self._task, completed=share[0], total=share[1], description=shown)
        elif not self._quiet and clock - self._spoken >= PLAIN_LINE_SECONDS:
            self._spoken = clock
            self._console.print(f"{elapsed:.0f} s: {text}", highlight=False, markup=False, soft_wrap=True)
