"""`load` and `save`: any report or file of cases, whatever kind it is of."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from jaccheck import reports
from jaccheck.core import checked
from jaccheck.errors import InvalidRequest

Stored = (
    reports.Report
    | reports.ModelReport
    | reports.BenchReport
    | reports.GateReport
    | reports.MatrixReport
    | reports.SelftestReport
    | reports.SequenceReport
    | reports.CaseFile
)
"""What is kept in files: the report of each command, and cases, alone or with the finding that they show."""


@checked()
def load(path: str | PathLike[str]) -> Stored:
    """The report, or the cases, that a JSON file holds: what `--report FILE.json`, `save` or a run have written.

    Raises UnreadableFile for another file, IncompatibleFile for one of a version that is not read.
    """
    found: Stored = reports.load_any(Path(path))
    return found


@checked("path")
def save(report: Stored, path: str | PathLike[str]) -> None:
    """Writes a report, or cases, as JSON, and makes the folders above it. Raises UnreadableFile where it cannot."""
    if not isinstance(report, Stored):
        raise InvalidRequest(f"save: {type(report).__name__} is no report of jaccheck")
    reports.save(report, Path(path))
