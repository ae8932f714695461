"""`jaccheck report`: stored reports of `verify`, shown and written again; parts of one run as one."""

from __future__ import annotations

from pathlib import Path

from jaccheck.cli.run_history import existing
from jaccheck.cli.writing import VERIFY, writer
from jaccheck.rendering import make_console, print_finding, print_report
from jaccheck.reports import CaseFile, Report, finding_path, load, merge, save
from jaccheck.runs import Recording


def run(paths: tuple[Path, ...], written: tuple[Path, ...], directory: Path, store: Path | None = None) -> int:
    """The exit code of the run that these reports are of: 0 nothing found, 1 something found; findings are stored."""
    write = writer(written, VERIFY)
    merged = merge([_report(path, store) for path in paths])
    console = make_console()
    for finding in merged.findings:
        path = finding_path(directory, finding)
        save(CaseFile(cases=(finding.case,), finding=finding), path)
        print_finding(finding, str(path), console)
    print_report(merged, console)
    write(merged)
    return int(merged.found_something)


def _report(path: Path, store: Path | None) -> Report:
    """The report in a file; where there is none of that name and it is a number, on that run in the store."""
    if not path.name.isdecimal() or path.exists():
        return load(Report, path)
    with existing(store) as opened:
        return Recording(opened, opened.run(int(path.name))).report()
