"""The page of `jaccheck verify`."""

from __future__ import annotations

from collections import defaultdict

from jaccheck.core import plural
from jaccheck.rendering.html.coverage import COUNTS, each_device, sums
from jaccheck.rendering.html.diagram import diagram
from jaccheck.rendering.html.heatmap import heatmap
from jaccheck.rendering.html.page import Head, environment_facts, render
from jaccheck.rendering.html.tables import Row, Table, count, listed, share
from jaccheck.rendering.text import known_rows, verify_summary
from jaccheck.reports import CoverageCell, Outcome, Report


def verify_page(report: Report) -> str:
    """The report as one HTML file."""
    drawn = [
        {
            "finding": finding,
            "diagram": diagram(finding.case),
            "heatmap": heatmap(finding.worst.around) if finding.worst and finding.worst.around else None,
        }
        for finding in report.findings
    ]
    return render(
        "verify.html",
        _head(report),
        report=report,
        findings=drawn,
        devices=_devices(report),
        each_device=each_device(report),
        cells=_cells(report),
        known=_known(report),
        outcomes=[(outcome, report.totals.outcomes.get(outcome, 0)) for outcome in Outcome],
    )


def _head(report: Report) -> Head:
    totals = report.totals
    asked = report.settings
    return Head(
        command="verify",
        tone="bad" if report.found_something else "warn" if report.interrupted else "good",
        answer=_answer(report),
        lead=verify_summary(report),
        figures=(
            ("findings", count(len(report.findings))),
            ("cases", count(totals.cases)),
            ("methods", count(len({cell.method for cell in report.coverage}))),
            ("comparisons", count(totals.comparisons)),
            ("entries compared", count(totals.entries)),
            ("undecided", share(totals.undecided, totals.entries)),
        ),
        facts=(
            *environment_facts(report.environment),
            ("profile", asked.profile),
            ("seed", str(asked.seed)),
            ("dtypes", ", ".join(asked.dtypes)),
        ),
    )


def _answer(report: Report) -> str:
    cases = plural(report.totals.cases, "case")
    start = "Interrupted: " if report.interrupted else ""
    if report.findings:
        methods = listed(dict.fromkeys(finding.method for finding in report.findings))
        devices = listed(dict.fromkeys(finding.device for finding in report.findings))
        return f"{start}{plural(len(report.findings), 'finding')} in {cases}: {methods} on {devices}"
    if report.vacuous and not report.interrupted:
        return f"Nothing wrong was found in {cases}, but {plural(len(report.vacuous), 'cell')} compared nothing"
    return f"{start}No finding in {cases}"


def _devices(report: Report) -> Table:
    """A row for each device, where there are several: what differs between them shows side by side."""
    rows: dict[str, list[CoverageCell]] = defaultdict(list)
    for cell in report.coverage:
        rows[cell.device].append(cell)
    found = [finding.device for finding in report.findings]
    names = report.environment.devices
    return Table(
        id="devices",
        caption="Each device",
        columns=("device ", "what it is ", "methods", *COUNTS[1:], "nonzero", "undecided", "findings"),
        rows=tuple(
            Row(
                (
                    *(device, names.get(device, "") or device, count(len({cell.method for cell in cells}))),
                    *(*sums(cells)[1:], count(found.count(device))),  # cases are the same ones for each method
                ),
                "bad" if device in found else "",
            )
            for device, cells in rows.items()
            if len(rows) > 1
        ),
    )


def _cells(report: Report) -> Table:
    vacuous = frozenset(report.vacuous)
    return Table(
        id="cells",
        caption="The same for each dtype and family",
        columns=("method ", "device ", "dtype ", "family ", *COUNTS, "nonzero", "undecided"),
        rows=tuple(
            Row((cell.method, cell.device, cell.dtype, cell.family, *sums([cell])), "bad" if cell in vacuous else "")
            for cell in report.coverage
        ),
    )


def _known(report: Report) -> Table:
    rows = tuple(Row((name, count(number))) for name, number in known_rows(report.totals.known_issues))
    return Table(id="known-issues", caption="Known issues that were met", columns=("id ", "results"), rows=rows)
