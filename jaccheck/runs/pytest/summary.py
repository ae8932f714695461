"""What a run of conformance tests says at its head and at its end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from io import StringIO
from pathlib import Path

from jaccheck.core import from_json, plural
from jaccheck.judging import unreleased
from jaccheck.rendering import LOG_WIDTH, SafeConsole, coverage_table, environment_line, headline
from jaccheck.reports import CoverageCell, Environment, finding_path
from jaccheck.runs.pytest.record import Record, Run


def conformance_head(environment: Environment, run: Run) -> str:
    """Versions, devices, profile and seed, in one line; others where a version has no release behind it."""
    head = f"jaccheck: {environment_line(environment)} · profile {run.profile} · seed {run.seed}"
    return "\n".join((head, *(f"jaccheck: {line}" for line in unreleased())))


def conformance_summary(texts: Iterable[str]) -> list[str]:
    """The lines for a run whose tests left these records; a finding that several tests shrank to stands there once."""
    records = [from_json(Record, text, where="record of a test") for text in texts]
    findings = {finding.id: finding for record in records for finding in record.findings}
    coverage = _widest(cell for record in records for cell in record.cells)
    console = SafeConsole(width=LOG_WIDTH, file=(text := StringIO()))
    console.print(coverage_table(coverage, tuple(findings.values())))
    directory = Path(records[0].run.directory)
    return [
        *conformance_head(records[0].environment, records[0].run).splitlines(),
        *(line.rstrip() for line in text.getvalue().splitlines()),
        *(f"{headline(finding)}\n    {finding_path(directory, finding)}" for finding in findings.values()),
        f"{plural(len(findings), 'finding') if findings else 'no finding'} in {plural(len(records), 'check')}",
    ]


def _widest(cells: Iterable[CoverageCell]) -> Sequence[CoverageCell]:
    """One cell for each method, device, dtype and family: that with most cases, since the laws share their cases."""
    kept: dict[tuple[str, str, str, str], CoverageCell] = {}
    for cell in cells:
        key = (cell.method, cell.device, cell.dtype, cell.family)
        if key not in kept or kept[key].cases < cell.cases:
            kept[key] = cell
    return tuple(kept.values())
