"""How far a command has come: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING

import click

from jaccheck.core import printable, raise_at_ctrl_c

if TYPE_CHECKING:
    from rich import progress
    from rich.console import Console

FIRST_LINE_SECONDS = 2.0
PLAIN_LINE_SECONDS = 5.0
BEAT_SECONDS = 0.5
"""How often is looked whether it is time to say something."""
BAR_WIDTH = 20
BESIDE = BAR_WIDTH + 2 * len("0:00:00") + 3
"""Columns that the bar and two times take."""


def announce(text: str, *, quiet: bool = False) -> None:
    """Says on a terminal what is about to be done, before what takes seconds to load is loaded.

    Elsewhere nobody waits at it, and what goes wrong ends in one line.
    """
    if text and sys.stderr.isatty() and not quiet:
        click.echo(printable(text), err=True)


class Progress:
    """A bar that leaves nothing behind, or a line after two seconds and every five; nothing where it is quiet.

    The bar is drawn on the console that a command prints its results on, so that they come to stand above it; where
    that is no terminal, bar and lines go to standard error, so that results alone are in a pipe or a file. Lines come
    from a thread of its own, so also while the command waits. `seconds` is how long the command may take, where time
    ends it; `every` is after how many seconds there is another line.
    """

    def __init__(
        self,
        console: Console,
        *,
        quiet: bool = False,
        seconds: float | None = None,
        every: float | None = None,
    ) -> None:
        self._results = console
        self._quiet = quiet
        self._limit = seconds
        self._started = time.monotonic()
        self._every = PLAIN_LINE_SECONDS if every is None else every
        self._next = self._started + min(FIRST_LINE_SECONDS, self._every)
        self._text = "starting"
        self._bar: progress.Progress | None = None
        self._lock, self._over = threading.Lock(), threading.Event()
        self._beat: threading.Thread | None = None

    def __enter__(self) -> Progress:
        """Starts the bar where there is a terminal to draw it on."""
        from rich import progress

        from jaccheck.rendering import SafeConsole

        raise_at_ctrl_c()
        self._console = self._results if self._results.is_terminal else SafeConsole(stderr=True)
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
            self._task = self._bar.add_task(self._text, total=None)
            self._bar.start()
        elif not self._quiet:
            self._beat = threading.Thread(target=self._speak_again, daemon=True)
            self._beat.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Takes the bar away."""
        self._over.set()
        if self._bar:
            self._bar.stop()
        if self._beat:
            self._beat.join()

    def show(self, done: int, total: int | None, unit: str, *counts: str, now: str = "") -> None:
        """Moves the bar, with counts and what is going on beside it; or prints them if the last line is a while ago."""
        total = None if total is not None and done > total else total  # more than was expected, as directed ones
        of = f" of {total:,}" if total else ""
        text = ", ".join((f"{done:,}{of} {unit}", *counts)) + (f"; now {now}" if now else "")
        elapsed = time.monotonic() - self._started
        share = (done, total) if self._limit is None else (min(elapsed, self._limit), self._limit)
        self._say(text, *share)

    def tell(self, text: str) -> None:
        """What is going on before anything can be counted."""
        self._say(text, 0, None)

    def _say(self, text: str, done: float, total: float | None) -> None:
        self._text = printable(text)
        if self._bar:
            room = max(self._console.width - BESIDE, BAR_WIDTH)
            shown = self._text if len(self._text) <= room else f"{self._text[: room - 1]}…"
            self._bar.update(self._task, completed=done, total=total, description=shown)
        elif not self._quiet:
            self._speak()

    def _speak(self) -> None:
        """Prints the line if it is time for one."""
        with self._lock:
            clock = time.monotonic()
            if clock >= self._next and not self._over.is_set():
                self._next = clock + self._every
                line = f"{clock - self._started:.0f} s: {self._text}"
                self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _speak_again(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            self._speak()
