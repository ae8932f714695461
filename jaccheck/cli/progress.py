"""Progress of `verify`: how far it is, and findings as they come, each stored and printed."""

from __future__ import annotations

from pathlib import Path

from jaccheck.cli.live import Live
from jaccheck.core import plural
from jaccheck.rendering import print_finding
from jaccheck.reports import CaseFile, Finding, finding_path, save
from jaccheck.runs import ShardResult, Tally


class Progress:
    """Tells a console how a run goes, and stores each finding as it comes."""

    def __init__(self, live: Live, total: int | None, seconds: float | None, directory: Path) -> None:
        self._live = live
        self._total = total
        self._seconds = seconds
        self._directory = directory

    def on_result(self, result: ShardResult, tally: Tally) -> None:
        """Shows how many cases are done, or how much of the time is over."""
        elapsed = max(self._live.seconds, 1e-9)
        done = tally.totals.cases if self._seconds is None else round(min(elapsed, self._seconds))
        of = f" of {self._total}" if self._total else ""
        findings = plural(len(tally.suspects), "finding")
        self._live.show(
            done,
            self._total if self._seconds is None else self._seconds,
            now_at=result.shard.family,
            found=f"{tally.totals.cases / elapsed:.0f} cases/s · {findings}",
            line=f"{tally.totals.cases}{of} cases, {tally.totals.comparisons:,} comparisons, {findings}; "
            f"now {result.shard.family}, {result.shard.dtype}",
        )

    def on_finding(self, finding: Finding) -> None:
        """Stores a finding and prints it."""
        path = finding_path(self._directory, finding)
        save(CaseFile(cases=(finding.case,), finding=finding), path)
        print_finding(finding, str(path), self._live.console)

    def on_given_up(self, method: str) -> None:
        """Says which method is left out from now on."""
        self._live.console.print(
            f"{method} has ended so many worker processes that it is left out of the rest", style="red", highlight=False
        )
