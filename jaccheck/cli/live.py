"""`Live`: how far a command has come: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

PLAIN_LINE_SECONDS = 10.0


class Live:
    """A bar between two texts, or lines of text; nothing where it is quiet."""

    def __init__(self, console: Console, *, quiet: bool) -> None:
        self.console = console
        self.quiet = quiet
        self._started = self._spoken = time.monotonic()
        self._bar: Progress | None = None

    def __enter__(self) -> Live:
        """Starts the bar where there is a terminal to draw it on."""
        if self.console.is_terminal and not self.quiet:
            columns = (
                TextColumn("{task.description:<16}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[found]}"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
            )
            self._bar = Progress(*columns, console=self.console, transient=True)
            self._task = self._bar.add_task("starting", total=None, found="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Takes the bar away."""
        if self._bar:
            self._bar.stop()

    @property
    def seconds(self) -> float:
        """Since it was made."""
        return time.monotonic() - self._started

    def show(self, done: float, total: float | None, *, now_at: str, found: str, line: str) -> None:
        """Moves the bar, `now_at` and `found` beside it; or prints `line` if the last one is a while ago."""
        now = time.monotonic()
        if self._bar:
            self._bar.update(self._task, completed=done, total=total, description=now_at, found=found)
        elif not self.quiet and now - self._spoken >= PLAIN_LINE_SECONDS:
            self._spoken = now
            self.console.print(f"{self.seconds:.0f} s: {line}", highlight=False)
