"""`jaccheck report`: stored reports of `verify`, shown and written again; parts of one run as one."""

from __future__ import annotations

from pathlib import Path

from jaccheck import report as reports
from jaccheck.commands.writing import VERIFY, writer
from jaccheck.files import CaseFile, finding_path, save_cases
from jaccheck.merging import merge
from jaccheck.render.text import make_console, print_finding, print_report


def run(paths: tuple[Path, ...], written: tuple[Path, ...], directory: Path) -> int:
    """The exit code of the run that these reports are of: 0 nothing found, 1 something found; findings are stored."""
    write = writer(written, VERIFY)
    merged = merge([reports.load(path) for path in paths])
    console = make_console()
    for finding in merged.findings:
        path = finding_path(directory, finding)
        save_cases(CaseFile(cases=(finding.case,), finding=finding), path)
        print_finding(finding, str(path), console)
    print_report(merged, console)
    write(merged)
    return int(merged.found_something)
