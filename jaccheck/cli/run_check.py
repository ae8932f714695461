"""`jaccheck check`: every method on a user's own model, given as `FILE.py:FUNCTION`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from jaccheck.bench import keep_freed_memory
from jaccheck.cli.live import PLAIN_LINE_SECONDS
from jaccheck.cli.writing import CHECK, writer
from jaccheck.methods import choose_methods, load_problem
from jaccheck.models import check
from jaccheck.rendering import LOG_WIDTH, print_model_report


def run(place: str, *, methods: tuple[str, ...], memory: int | None, seconds: float, reports: tuple[Path, ...]) -> int:
    """The exit code: 1 where a method is wrong or crashes on this model, or nothing was compared, else 0."""
    write = writer(reports, CHECK)
    choose_methods(methods)
    # Bound to the stream that is there now: what the model prints goes elsewhere.
    console = Console(file=sys.stdout)
    if not console.is_terminal:
        console = Console(file=sys.stdout, width=LOG_WIDTH)
    keep_freed_memory()
    problem = load_problem(place)
    with CheckProgress(console) as progress:
        report = check(problem.model, problem.X, methods=methods, memory=memory, seconds=seconds, listener=progress)
    write(report)
    print_model_report(report, console)
    return int(report.found_something)


class CheckProgress:
    """A live bar on a terminal, a plain line now and then elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = self._spoken = time.monotonic()
        self._methods = 1
        self._started_methods = 0
        self._bar: Bar | None = None

    def __enter__(self) -> CheckProgress:
        """Starts the bar where there is a terminal to draw it on."""
        if self._console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
            self._bar = Bar(*columns, console=self._console, transient=True, redirect_stdout=False)
            self._task = self._bar.add_task("looking at the model", total=None)
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Takes the bar away."""
        if self._bar:
            self._bar.stop()

    def on_start(self, parts: int, methods: int) -> None:
        """So many parts will be compared with so many methods."""
        self._methods = max(methods, 1)
        if self._bar:
            self._bar.update(self._task, total=parts * self._methods, completed=0)

    def on_method(self, done: int, parts: int, method: str) -> None:
        """A method starts on the part after `done`."""
        self._started_methods += 1
        text = f"part {done + 1:,} of {parts:,}, {method}"
        if self._bar:
            self._bar.update(self._task, description=text, completed=self._started_methods - 1)
        else:
            self._say_now_and_then(text)

    def on_part(self, done: int, parts: int, entries: int) -> None:
        """Moves the bar, or prints a line if the last one is a while ago."""
        self._started_methods = done * self._methods
        if self._bar:
            self._bar.update(self._task, completed=self._started_methods)
        else:
            self._say_now_and_then(f"{done:,} of {parts:,} parts, {entries:,} entries compared")

    def _say_now_and_then(self, text: str) -> None:
        now = time.monotonic()
        if now - self._spoken >= PLAIN_LINE_SECONDS:
            self._spoken = now
            self._console.print(f"{now - self._started:.0f} s: {text}", highlight=False)
