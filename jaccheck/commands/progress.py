"""Progress of a run: a live bar on a terminal, a plain line now and then elsewhere; findings as they come."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from jaccheck.case import Case
from jaccheck.files import CaseFile, finding_path, save_cases
from jaccheck.render.text import print_finding
from jaccheck.report import Finding
from jaccheck.runner.tally import Tally

PLAIN_LINE_SECONDS = 10.0


class Progress:
    """Tells a console how a run goes, and stores each finding as it comes."""

    def __init__(
        self, console: Console, total: int | None, seconds: float | None, directory: Path, *, quiet: bool
    ) -> None:
        self._console = console
        self._total = total
        self._seconds = seconds
        self._directory = directory
        self._quiet = quiet
        self._started = self._spoken = time.monotonic()
        self._bar: Bar | None = None

    def __enter__(self) -> Progress:
        """Starts the bar where there is a terminal to draw it on."""
        if self._console.is_terminal and not self._quiet:
            columns = (
                TextColumn("{task.fields[family]:<16}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]:.0f} cases/s · {task.fields[findings]} findings"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
            )
            self._bar = Bar(*columns, console=self._console, transient=True)
            total = self._total if self._seconds is None else self._seconds
            self._task = self._bar.add_task("", total=total, family="", rate=0, findings=0)
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Takes the bar away."""
        if self._bar:
            self._bar.stop()

    def on_case(self, case: Case, tally: Tally) -> None:
        """Moves the bar, or prints a line if the last one is a while ago."""
        now = time.monotonic()
        elapsed = max(now - self._started, 1e-9)
        if self._bar:
            done = tally.cases if self._seconds is None else round(min(elapsed, self._seconds))
            self._bar.update(
                self._task,
                completed=done,
                family=case.family,
                rate=tally.cases / elapsed,
                findings=len(tally.suspects),
            )
        elif not self._quiet and now - self._spoken >= PLAIN_LINE_SECONDS:
            self._spoken = now
            of = f" of {self._total}" if self._total else ""
            self._console.print(
                f"{elapsed:.0f} s: {tally.cases}{of} cases, {tally.comparisons:,} comparisons, "
                f"{len(tally.suspects)} findings; now {case.family}, {case.dtype}",
                highlight=False,
            )

    def on_finding(self, finding: Finding) -> None:
        """Stores a finding and prints it."""
        path = finding_path(self._directory, finding)
        save_cases(CaseFile(cases=(finding.case,), finding=finding), path)
        print_finding(finding, str(path), self._console)
