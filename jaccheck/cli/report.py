"""`jaccheck report`: stored reports of `verify`, shown and written again; parts of one run as one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from jaccheck import rendering, reports, runs
from jaccheck.cli import options
from jaccheck.cli.codes import MISUSE, code_of
from jaccheck.cli.command import Argument, Option, command
from jaccheck.cli.history import existing
from jaccheck.cli.writing import VERIFY, report_option, stored, writer
from jaccheck.core import whole_number


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Show PATHS, reports of `jaccheck verify` as JSON; those of the parts of one run (`--shard`) as one report.

    In place of a file may stand the number of a stored run (`jaccheck history`).
    """

    paths: Annotated[tuple[Path, ...], Argument()]
    reports: Annotated[tuple[Path, ...], report_option(VERIFY)] = ()
    findings: options.Findings = options.FINDINGS
    store: Annotated[
        Path | None,
        Option("--store", "PATH", help="Where runs given by number are stored.  [default: .jaccheck/runs.db]"),
    ] = None


@command("report", "Show reports again; merge those of parts of a run.")
def run(request: Request) -> int:
    """The exit code of the run that these reports are of: 0 nothing found, 1 something found; findings are stored."""
    write = writer(request.reports, VERIFY)
    merged = reports.merge([_report(path, request.store) for path in request.paths])
    console = rendering.make_console()
    for finding in merged.findings:
        rendering.print_finding(finding, stored(finding, request.findings), console)
    write(merged)
    rendering.print_report(merged, console)
    return code_of(merged, unanswered=MISUSE)


def _report(path: Path, store: Path | None) -> reports.Report:
    """The report in a file; where there is none of that name and it is a number, on that run in the store."""
    number = whole_number(str(path))
    if number is None or path.exists():
        return reports.load(reports.Report, path)
    with existing(store) as opened:
        return runs.Recording(opened, opened.run(number)).report()
