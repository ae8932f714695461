"""Reports to files: the ending of a path says how, the same for every command, and is refused before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from jaccheck import core, rendering, reports
from jaccheck.cli.command import Option
from jaccheck.cli.unwritten import told_at_the_end, write_report
from jaccheck.errors import UnknownName

R = TypeVar("R")

Formats = Mapping[str, Callable[[R], str]]
"""How a report is written down, by the ending of the file's name."""

NAMES = {".md": ".md (Markdown)", ".xml": ".xml (JUnit)"}
"""Of endings that do not say enough by themselves."""


def as_one_line(report: object) -> str:
    """The report as JSON of one line, where a report has thousands of cells."""
    return core.to_json(report) + "\n"


# Renderers are looked up when a report is written: the endings alone are read for the help, where speed counts.
BENCH: Formats[reports.BenchReport] = {
    ".html": lambda report: rendering.bench_page(report),
    ".json": lambda report: reports.as_json(report),
}
CHECK: Formats[reports.ModelReport] = {
    ".html": lambda report: rendering.model_page(report),
    ".json": lambda report: reports.as_json(report),
    ".md": lambda report: rendering.model_markdown(report),
}
GATE: Formats[reports.GateReport] = {
    ".html": lambda report: rendering.gate_page(report),
    ".json": lambda report: reports.as_json(report),
    ".md": lambda report: rendering.gate_markdown(report),
    ".xml": lambda report: rendering.gate_junit(report),
}
MATRIX: Formats[reports.MatrixReport] = {
    ".html": lambda report: rendering.matrix_page(report),
    ".json": as_one_line,
    ".md": lambda report: rendering.matrix_markdown(report),
}
SELFTEST: Formats[reports.SelftestReport] = {
    ".html": lambda report: rendering.selftest_page(report),
    ".json": lambda report: reports.as_json(report),
}
SEQUENCES: Formats[reports.SequenceReport] = {
    ".html": lambda report: rendering.sequences_page(report),
    ".json": lambda report: reports.as_json(report),
}
VERIFY: Formats[reports.Report] = {
    ".html": lambda report: rendering.verify_page(report),
    ".json": lambda report: reports.as_json(report),
    ".md": lambda report: rendering.verify_markdown(report),
    ".xml": lambda report: rendering.junit_xml(report),
}


def report_option(formats: Formats[R]) -> Option:
    """`--report`, for a command that writes these formats."""
    return Option("--report", "PATH", help=f"Write a report, {_listed(formats)} by its ending. Repeatable.")


def writer(paths: Iterable[Path], formats: Formats[R]) -> Callable[[R], None]:
    """What writes a report to all the paths.

    Raises UnknownName for an ending that the command has no format for, UnreadableFile where a path is not writable.
    What cannot be written later, or not even be made, is told when the command has ended, below the results.
    """
    chosen = [(path, _format(path, formats)) for path in paths]
    for path, _ in chosen:
        core.check_writable(path)

    def write(report: R) -> None:
        for path, text_of in chosen:
            write_report(report, path, text_of)

    return write


def stored(finding: reports.Finding, folder: Path) -> str:
    """Where a finding was stored in a folder; where it could not be, that is told when the command has ended."""
    path = reports.finding_path(folder, finding)
    with told_at_the_end():
        reports.save_finding(finding, path)
    return str(path)


def _format(path: Path, formats: Formats[R]) -> Callable[[R], str]:
    if path.suffix not in formats:
        raise UnknownName(f"report {str(path)!r}: the ending {path.suffix!r} is not known; use {_listed(formats)}")
    return formats[path.suffix]


def _listed(formats: Formats[R]) -> str:
    *most, last = (NAMES.get(ending, ending) for ending in formats)
    return f"{', '.join(most)} or {last}"
