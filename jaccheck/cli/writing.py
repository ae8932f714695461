"""Reports to files: the ending of a path says how, the same for every command, and is refused before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from jaccheck.core import to_json, write_text
from jaccheck.errors import UnknownName
from jaccheck.rendering import (
    bench_page,
    gate_junit,
    gate_markdown,
    gate_page,
    junit_xml,
    matrix_markdown,
    matrix_page,
    model_page,
    selftest_page,
    sequences_page,
    verify_markdown,
    verify_page,
)
from jaccheck.reports import (
    BenchReport,
    GateReport,
    MatrixReport,
    ModelReport,
    Report,
    SelftestReport,
    SequenceReport,
    as_json,
    check_writable,
)

R = TypeVar("R")

Formats = Mapping[str, Callable[[R], str]]
"""How a report is written down, by the ending of the file's name."""

NAMES = {".md": ".md (Markdown)", ".xml": ".xml (JUnit)"}
"""Of endings that do not say enough by themselves."""


def as_one_line(report: object) -> str:
    """The report as JSON of one line, where a report has thousands of cells."""
    return to_json(report) + "\n"


BENCH: Formats[BenchReport] = {".html": bench_page, ".json": as_json}
CHECK: Formats[ModelReport] = {".html": model_page, ".json": as_json}
GATE: Formats[GateReport] = {".html": gate_page, ".json": as_json, ".md": gate_markdown, ".xml": gate_junit}
MATRIX: Formats[MatrixReport] = {".html": matrix_page, ".json": as_one_line, ".md": matrix_markdown}
SELFTEST: Formats[SelftestReport] = {".html": selftest_page, ".json": as_json}
SEQUENCES: Formats[SequenceReport] = {".html": sequences_page, ".json": as_json}
VERIFY: Formats[Report] = {".html": verify_page, ".json": as_json, ".md": verify_markdown, ".xml": junit_xml}


def writer(paths: Iterable[Path], formats: Formats[R]) -> Callable[[R], None]:
    """What writes a report to all the paths.

    Raises UnknownName for an ending that the command has no format for, UnreadableFile where a path is not writable.
    """
    chosen = [(path, _format(path, formats)) for path in paths]
    for path, _ in chosen:
        check_writable(path)

    def write(report: R) -> None:
        for path, text_of in chosen:
            write_text(text_of(report), path)

    return write


def _format(path: Path, formats: Formats[R]) -> Callable[[R], str]:
    if path.suffix not in formats:
        *most, last = (NAMES.get(ending, ending) for ending in formats)
        known = f"{', '.join(most)} or {last}" if most else last
        raise UnknownName(f"report {str(path)!r}: the ending {path.suffix!r} is not known; use {known}")
    return formats[path.suffix]
