"""`jaccheck known`: the listed faults of released versions, shown, run, or written up as a bug report."""

from __future__ import annotations

import subprocess
import sys
import warnings
from dataclasses import dataclass

from rich import box
from rich.progress import track
from rich.table import Table

from jaccheck.core import chosen
from jaccheck.judging import LAYER_FAULTS, SEQUENCE_FAULTS, CaseFault, KnownFault, judge, write_script
from jaccheck.methods import calm_torch, describe_environment, find_method
from jaccheck.rendering import make_console
from jaccheck.reports import Breach

SECONDS = 120
"""Most time that one script gets; most of it is the import of torch."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """What the two kinds of listed faults have in common."""

    fault: CaseFault | KnownFault

    @property
    def methods(self) -> str:
        if isinstance(self.fault, KnownFault):
            return self.fault.method
        return ", ".join(self.fault.methods) + (", and others" if self.fault.shows_in_others else "")

    @property
    def versions(self) -> str:
        if isinstance(self.fault, KnownFault):
            return self.fault.versions
        processor = f", {self.fault.processor.name}" if self.fault.processor else ""
        return f"{self.fault.package} {self.fault.versions}{processor}"

    def breaches(self) -> dict[str, Breach | None]:
        """For each method of a fault of layers how it shows on the listed case; None where it no longer does."""
        assert isinstance(self.fault, CaseFault)
        found: dict[str, Breach | None] = {}
        with calm_torch(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for name in self.fault.methods:
                verdict = judge(self.fault.case, find_method(name))
                mine = (b for b in verdict.breaches if self.fault.explains(self.fault.case, name, b))
                found[name] = next(mine, None)
        return found

    def script(self) -> str:
        """A script of torch and the library alone."""
        if isinstance(self.fault, KnownFault):
            return self.fault.reproducer
        for name, breach in self.breaches().items():
            if breach is not None:
                return write_script(self.fault.case, find_method(name), "cpu", breach)
        return f"# {self.fault.id} no longer shows with what is installed here\n"

    def still_shows(self) -> list[str]:
        """What no longer shows: methods, or the reproducer; empty where all is as listed."""
        if isinstance(self.fault, KnownFault):
            return [] if _run(self.fault.reproducer).returncode else ["its reproducer prints RIGHT"]
        return [f"{name} is right" for name, breach in self.breaches().items() if breach is None]


def show(ids: tuple[str, ...]) -> int:
    """Prints a table of all, or everything about those named; 0."""
    console = make_console()
    entries = _entries(ids)
    if not ids:
        table = Table(box=box.SIMPLE_HEAD)
        for column in ("id", "what", "methods", "versions"):
            table.add_column(column, overflow="fold")
        for entry in entries:
            table.add_row(entry.fault.id, entry.fault.title, entry.methods, entry.versions)
        console.print(table)
        return 0
    for entry in entries:
        fault = entry.fault
        print(f"{fault.id}: {fault.title}\n")
        for label, text in (
            ("methods", entry.methods),
            ("versions", entry.versions),
            ("when", fault.condition),
            ("instead", fault.instead),
            ("reason", fault.reason),
            ("upstream", fault.reference),
        ):
            if text:
                print(f"{label:<9} {text}")
        print(f"\n{entry.script()}")
    return 0


def run(ids: tuple[str, ...]) -> int:
    """Runs them; 1 where one of them no longer shows, which should then leave the list."""
    console = make_console()
    mended = 0
    for entry in track(_entries(ids), description="known faults", console=console, disable=not console.is_terminal):
        if isinstance(entry.fault, CaseFault) and not entry.fault.is_in_installed:
            print(f"NOT HERE: {entry.fault.id}: {entry.versions}")
            continue
        gone = entry.still_shows()
        mended += bool(gone)
        print(f"{'MENDED' if gone else 'STILL THERE'}: {entry.fault.id}{': ' + '; '.join(gone) if gone else ''}")
    return int(mended > 0)


def bug_report(ids: tuple[str, ...]) -> int:
    """Prints a report for each, in Markdown, as it can be filed upstream; 0."""
    environment = describe_environment({"cpu": ""})
    for entry in _entries(ids):
        fault, script = entry.fault, entry.script()
        done = _run(script)
        output = (done.stdout + done.stderr[-2000:]).strip()
        print(f"# {fault.title}\n")
        print(f"{fault.condition[:1].upper()}{fault.condition[1:]}: {fault.instead}.\n")
        print(f"```python\n{script.strip()}\n```\n\nIt prints\n\n```\n{output}\n```\n")
        print(f"Where it comes from: {fault.reason}.\n")
        print(f"torch {environment.torch}, BackPACK {environment.backpack}, Python {environment.python}\n")
    return 0


def _entries(ids: tuple[str, ...]) -> list[_Entry]:
    faults: dict[str, CaseFault | KnownFault] = {fault.id: fault for fault in LAYER_FAULTS}
    faults |= {fault.id: fault for fault in SEQUENCE_FAULTS}
    names = chosen("known fault", ids, tuple(faults)) if ids else tuple(faults)
    return [_Entry(faults[name]) for name in names]


def _run(script: str) -> subprocess.CompletedProcess[str]:
    """What a script prints in a process of its own."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=SECONDS, check=False
    )
