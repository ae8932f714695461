"""What a run tells GitHub Actions, when it runs there: annotations, and a summary of the step."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import click

from jaccheck import reports
from jaccheck.core import printable

MOST_BYTES = 2**19
"""A step's summary may have 1 MiB, and other commands of the step may write one too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """An error that is shown beside the run, and at a file where there is one."""

    title: str
    message: str
    file: str = ""

    def __str__(self) -> str:
        properties = {"title": self.title, "file": self.file}
        shown = ",".join(f"{name}={_escaped(value, ':,')}" for name, value in properties.items() if value)
        return f"::error {shown}::{_escaped(self.message)}"


def errors_of(report: reports.Report, directory: Path) -> list[Annotation]:
    """One for each finding, at its file in the directory, and one for each cell that compared nothing."""
    found = [
        Annotation(
            title=f"jaccheck: {finding.method} on {finding.device}: {finding.law}",
            message=f"{finding.outcome}: {finding.message}",
            file=str(reports.finding_path(directory, finding)),
        )
        for finding in report.findings
    ]
    vacuous = () if report.interrupted else report.vacuous
    return found + [
        Annotation(
            title=f"jaccheck: {cell.method} on {cell.device}: nothing compared",
            message=f"{cell.cases} cases of {cell.family} in {cell.dtype} were given to it, and none was compared",
        )
        for cell in vacuous
    ]


def tell_github(annotations: Iterable[Annotation], summary: str) -> None:
    """Prints the annotations and adds the summary, Markdown, to that of the step; nothing where no Actions run."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return
    for annotation in annotations:
        print(annotation)
    if len(summary.encode()) > MOST_BYTES:
        summary = summary.split("<details>")[0] + "The scripts are too long for a summary; they stand in the findings."
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        try:
            with Path(path).open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(f"{summary}\n")
        except OSError as error:
            click.echo(f"jaccheck: the summary of the step cannot be written: {error.strerror}", err=True)


def _escaped(text: str, more: str = "") -> str:
    """As GitHub reads it: one line, without what would end a property."""
    text = printable(text)
    for letter in f"%\n{more}":
        text = text.replace(letter, f"%{ord(letter):02X}")
    return text
