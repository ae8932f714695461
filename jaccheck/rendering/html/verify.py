"""The page of `jaccheck verify`."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

from jaccheck.core import plural
from jaccheck.rendering.html.diagram import diagram
from jaccheck.rendering.html.heatmap import heatmap
from jaccheck.rendering.html.page import Head, environment_facts, render
from jaccheck.rendering.html.tables import Row, Table, bars, count, listed, share
from jaccheck.rendering.text import known_rows, verify_summary
from jaccheck.reports import TEST_RATIO_LIMITS, CoverageCell, Outcome, Report

COUNTS = ("cases", "compared", "refused", "known", "entries")


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
        methods=_methods(report),
        cells=_cells(report),
        tightness=_tightness(report),
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
                    *(*_sums(cells)[1:], count(found.count(device))),  # cases are the same ones for each method
                ),
                "bad" if device in found else "",
            )
            for device, cells in rows.items()
            if len(rows) > 1
        ),
    )


def _methods(report: Report) -> Table:
    rows: dict[tuple[str, str], list[CoverageCell]] = defaultdict(list)
    for cell in report.coverage:
        rows[cell.method, cell.device].append(cell)
    found = [(finding.method, finding.device) for finding in report.findings]
    return Table(
        id="methods",
        caption="What each method was compared on",
        columns=("method ", "device ", *COUNTS, "nonzero", "undecided", "findings"),
        rows=tuple(
            Row((*place, *_sums(cells), count(found.count(place))), "bad" if place in found else "")
            for place, cells in rows.items()
        ),
    )


def _cells(report: Report) -> Table:
    vacuous = frozenset(report.vacuous)
    return Table(
        id="cells",
        caption="The same for each dtype and family",
        columns=("method ", "device ", "dtype ", "family ", *COUNTS, "nonzero", "undecided"),
        rows=tuple(
            Row((cell.method, cell.device, cell.dtype, cell.family, *_sums([cell])), "bad" if cell in vacuous else "")
            for cell in report.coverage
        ),
    )


def _known(report: Report) -> Table:
    rows = tuple(Row((name, count(number))) for name, number in known_rows(report.totals.known_issues))
    return Table(id="known-issues", caption="Known issues that were met", columns=("id ", "results"), rows=rows)


def _sums(cells: list[CoverageCell]) -> tuple[str, ...]:
    entries = sum(cell.entries for cell in cells)
    return (
        *(count(sum(getattr(cell, name) for cell in cells)) for name in COUNTS),
        share(sum(cell.nonzero for cell in cells), entries),
        share(sum(cell.undecided for cell in cells), entries),
    )


def _tightness(report: Report) -> Table:
    limits = [f"{limit:.2g}" for limit in TEST_RATIO_LIMITS]
    labels = [
        "equal",
        *(f"{low}–{high} × bound" for low, high in pairwise(limits)),
        "outside the bound",
    ]
    rows = []
    order = {method: place for place, method in enumerate(report.settings.methods)}
    for each in sorted(report.tightness, key=lambda each: (each.dtype, each.device, order.get(each.method, 0))):
        inside = [limit for limit, number in zip(TEST_RATIO_LIMITS, each.counts, strict=False) if number]
        # Those that are equal are so many that they would hide the rest.
        cells = (bars(each.counts[1:], labels[1:]), count(sum(each.counts)), count(each.counts[0]))
        largest = f"≤ {max(inside):.2g}" if inside else "–"
        outside = each.counts[-1]
        shown = (each.method, each.device, each.dtype, *cells, largest, count(outside))
        rows.append(Row(shown, "warn" if outside else ""))
    return Table(
        id="tightness",
        caption="How close results come to their bounds",
        columns=(
            *("method ", "device ", "dtype ", "0.001 … 1 × bound, and outside ", "comparisons"),
            *("equal", "largest inside", "outside"),
        ),
        rows=tuple(rows),
    )
