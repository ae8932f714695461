"""Progress of a gate: how far it is, and changes as they come."""

from __future__ import annotations

from jaccheck.case import Case
from jaccheck.cli.live import Live
from jaccheck.reports import Change


class GateProgress:
    """Tells a console how a gate goes."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def on_case(self, case: Case, done: int, total: int, changes: int) -> None:
        """Shows how many cases are done."""
        found = f"{changes} changes"
        line = f"{done} of {total} cases, {found}; now {case.family}"
        self._live.show(done, total, now_at=case.family, found=found, line=line)

    def on_step(self, name: str, done: int, total: int) -> None:
        """Shows what is looked into, once all cases are done."""
        self._live.show(done, total, now_at="after the cases", found=name, line=f"{done} of {total} steps; now {name}")

    def on_change(self, change: Change) -> None:
        """Prints one line; the whole of it comes with the report."""
        if not self._live.quiet:
            text = f"{change.kind}: {change.method}: {change.candidate}"
            self._live.console.print(text, highlight=False, markup=False, soft_wrap=True)
