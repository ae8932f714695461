"""`jaccheck known`: the known issues of released versions, shown, run, or written up as a bug report."""

from __future__ import annotations

import subprocess
import sys
import warnings
from dataclasses import dataclass
from typing import Annotated

from jaccheck import judging, methods, rendering, reports
from jaccheck.cli.command import Argument, Option, command
from jaccheck.cli.progress import Progress
from jaccheck.core import chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Show the known issues of BackPACK and torch, which are expected failures; all of them, or those of these IDs.

    A result that is wrong in a listed way counts as KNOWN and is no finding. Outside the listed condition, or in
    another way, it is one.
    """

    ids: Annotated[tuple[str, ...], Argument("[ID]...")] = ()
    run: Annotated[bool, Option("--run", help="Run them: 1 if one no longer shows, and the list is out of date.")] = (
        False
    )
    bug_report: Annotated[
        bool, Option("--bug-report", help="Write each up in Markdown, ready to be filed upstream.")
    ] = False


@command("known", "Show the known issues of released versions.")
def run(request: Request) -> int:
    """Writes them up, runs them or shows them; 1 where one of those that are run no longer shows."""
    if request.bug_report:
        return _write_up(request.ids)
    return _run_all(request.ids) if request.run else _show(request.ids)


SECONDS = 120
"""Most time that one script gets; most of it is the import of torch."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """What the two kinds of known issues have in common."""

    issue: judging.CaseIssue | judging.KnownIssue

    @property
    def methods(self) -> str:
        if isinstance(self.issue, judging.KnownIssue):
            return self.issue.method
        return ", ".join(self.issue.methods) + (", and others" if self.issue.shows_in_others else "")

    @property
    def versions(self) -> str:
        if isinstance(self.issue, judging.KnownIssue):
            return self.issue.versions
        processor = f", {self.issue.processor.name}" if self.issue.processor else ""
        return f"{self.issue.package} {self.issue.versions}{processor}"

    def failures(self) -> dict[str, reports.Failure | None]:
        """For each method of an issue of layers how it shows on the listed case; None where it no longer does."""
        assert isinstance(self.issue, judging.CaseIssue)
        found: dict[str, reports.Failure | None] = {}
        with methods.calm_torch(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for name in self.issue.methods:
                verdict = judging.judge(self.issue.case, methods.find_method(name))
                mine = (b for b in verdict.failures if self.issue.explains(self.issue.case, name, b))
                found[name] = next(mine, None)
        return found

    def script(self) -> str:
        """A script of torch and the library alone."""
        if isinstance(self.issue, judging.KnownIssue):
            return self.issue.reproducer
        for name, failure in self.failures().items():
            if failure is not None:
                return judging.write_script(self.issue.case, methods.find_method(name), "cpu", failure)
        return f"# {self.issue.id} no longer shows with what is installed here\n"

    def still_shows(self) -> list[str]:
        """What no longer shows: methods, or the reproducer; empty where all is as listed."""
        if isinstance(self.issue, judging.KnownIssue):
            return [] if _run(self.issue.reproducer).returncode else ["its reproducer prints RIGHT"]
        return [f"{name} is right" for name, failure in self.failures().items() if failure is None]


def _show(ids: tuple[str, ...]) -> int:
    """Prints a table of all, or everything about those named; 0."""
    console = rendering.make_console()
    entries = _entries(ids)
    if not ids:
        from rich import box
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD)
        for column in ("id", "what", "methods", "versions"):
            table.add_column(column, overflow="fold")
        for entry in entries:
            table.add_row(entry.issue.id, entry.issue.title, entry.methods, entry.versions)
        console.print(table)
        return 0
    for entry in entries:
        issue = entry.issue
        print(f"{issue.id}: {issue.title}\n")
        for label, text in (
            ("methods", entry.methods),
            ("versions", entry.versions),
            ("when", issue.condition),
            ("instead", issue.instead),
            ("reason", issue.reason),
            ("upstream", issue.reference),
        ):
            if text:
                print(f"{label:<9} {text}")
        print(f"\n{entry.script()}")
    return 0


def _run_all(ids: tuple[str, ...]) -> int:
    """Runs them; 1 where one of them no longer shows, which should then leave the list."""
    mended = 0
    entries = _entries(ids)
    with Progress(rendering.make_console()) as progress:
        for done, entry in enumerate(entries):
            progress.show(done, len(entries), "known issues", now=entry.issue.id)
            if isinstance(entry.issue, judging.CaseIssue) and not entry.issue.is_in_installed:
                print(f"NOT HERE: {entry.issue.id}: {entry.versions}")
                continue
            gone = entry.still_shows()
            mended += bool(gone)
            print(f"{'MENDED' if gone else 'STILL THERE'}: {entry.issue.id}{': ' + '; '.join(gone) if gone else ''}")
    return int(mended > 0)


def _write_up(ids: tuple[str, ...]) -> int:
    """Prints a report for each, in Markdown, as it can be filed upstream; 0."""
    environment = methods.describe_environment({"cpu": ""})
    for entry in _entries(ids):
        issue, script = entry.issue, entry.script()
        done = _run(script)
        output = (done.stdout + done.stderr[-2000:]).strip()
        print(f"# {issue.title}\n")
        print(f"{issue.condition[:1].upper()}{issue.condition[1:]}: {issue.instead}.\n")
        print(f"```python\n{script.strip()}\n```\n\nIt prints\n\n```\n{output}\n```\n")
        print(f"Where it comes from: {issue.reason}.\n")
        print(f"torch {environment.torch}, BackPACK {environment.backpack}, Python {environment.python}\n")
    return 0


def _entries(ids: tuple[str, ...]) -> list[_Entry]:
    issues: dict[str, judging.CaseIssue | judging.KnownIssue] = {issue.id: issue for issue in judging.LAYER_ISSUES}
    issues |= {issue.id: issue for issue in judging.SEQUENCE_ISSUES}
    names = chosen("known issue", ids, tuple(issues)) if ids else tuple(issues)
    return [_Entry(issues[name]) for name in names]


def _run(script: str) -> subprocess.CompletedProcess[str]:
    """What a script prints in a process of its own."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=SECONDS, check=False
    )
