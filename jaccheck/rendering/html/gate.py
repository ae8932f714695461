"""The page of `jaccheck gate`."""

from __future__ import annotations

from collections import defaultdict
from operator import add
from typing import Literal

from jaccheck.core import plural
from jaccheck.rendering.gate.text import apart, gate_answer
from jaccheck.rendering.html.diagram import diagram
from jaccheck.rendering.html.page import Head, render
from jaccheck.rendering.html.tables import COLOURS, Marked, Row, Table, bars, count, share
from jaccheck.reports import LABELS, GateCell, GateReport, GateUse, Outcome, SideRecord

COUNTS = ("cases", "same", "within", "different", "refused")
_NAMES = ("cases", "same bits", "within bound", "different", "refused")


def gate_page(report: GateReport) -> str:
    """The report as one HTML file."""
    return render(
        "gate.html",
        _head(report),
        report=report,
        changes=[(each[0], each, diagram(each[0].case) if each[0].case else None) for each in report.causes],
        sides=(("base", report.base), ("candidate", report.candidate)),
        methods=_methods(report),
        cells=_cells(report),
        matrix=_matrix(report),
        uses=_uses(report),
        speeds=_speeds(report),
    )


def _head(report: GateReport) -> Head:
    causes = report.causes
    regressions = sum(changes[0].matters for changes in causes)
    accepted = sum(bool(changes[0].accepted) for changes in causes)
    entries = sum(sum(cell.ulps) for cell in report.cells)
    moved = f"{report.settings.base} → {report.settings.candidate}"
    if report.is_open:
        said = f"The gate is open: nothing that matters changed, {moved}"
    elif regressions:
        said = f"The gate is shut: {plural(regressions, 'regression')}, {moved}"
    else:
        said = f"The gate is shut: {'it was interrupted' if report.interrupted else 'not all was compared'}, {moved}"
    return Head(
        command="gate",
        tone="good" if report.is_open else "warn" if report.interrupted and not regressions else "bad",
        answer=said,
        lead=gate_answer(report),
        figures=(
            ("regressions", count(regressions)),
            ("accepted", count(accepted)),
            ("other changes", count(len(causes) - regressions - accepted)),
            ("cases", count(report.cases)),
            ("entries", count(entries)),
            ("with other bits", count(entries - sum(cell.ulps[0] for cell in report.cells))),
        ),
        facts=(
            ("base", _versions(report.base)),
            ("candidate", _versions(report.candidate)),
            ("profile", report.settings.profile),
            ("seed", str(report.settings.seed)),
            ("devices", ", ".join(report.settings.devices) or "all"),
            ("dtypes", ", ".join(report.settings.dtypes)),
        ),
    )


def _versions(side: SideRecord) -> str:
    versions = ", ".join(f"{package} {version}" for package, version in side.versions.items())
    return f"{side.asked} ({versions}; Python {side.python})"


def _methods(report: GateReport) -> Table:
    rows: dict[tuple[str, str], list[GateCell]] = defaultdict(list)
    for cell in report.cells:
        rows[cell.method, cell.device].append(cell)
    shut = {(change.method, change.device) for change in report.changes if change.matters}
    shown = []
    for place, cells in rows.items():
        ulps = [sum(column) for column in zip(*(map(add, c.ulps, c.factor_ulps) for c in cells), strict=True)]
        counts = (count(sum(getattr(cell, name) for cell in cells)) for name in COUNTS)
        words = apart(cell.ulps for cell in cells), apart(cell.factor_ulps for cell in cells)
        drawn = bars(ulps[1:], [f"{label} ulps apart" for label in LABELS[1:]])
        shown.append(Row((*place, *counts, share(ulps[0], sum(ulps)), drawn, *words), "bad" if place in shut else ""))
    ulps_columns = ("entries with the same bits", "others: 1 … 1024 ulps, NaN ", "ulps apart ", "BackPACK's factor ")
    columns = ("method ", "device ", *_NAMES, *ulps_columns)
    return Table(id="methods", caption="Results of both sides, compared", columns=columns, rows=tuple(shown))


def _cells(report: GateReport) -> Table:
    rows = (
        Row(
            (c.method, c.device, c.dtype, c.family, *(count(getattr(c, name)) for name in COUNTS), apart([c.ulps])),
            "bad" if c.different else "warn" if c.within else "",
        )
        for c in report.cells
    )
    columns = ("method ", "device ", "dtype ", "family ", *_NAMES, "ulps apart ")
    return Table(id="cells", caption="The same for each dtype and family", columns=columns, rows=tuple(rows))


def _matrix(report: GateReport) -> Table:
    rows = (
        Row((f"{c.group}: {c.row}", c.method, c.dtype, c.device, _marked(c.was), _marked(c.now), c.message))
        for c in report.matrix
    )
    columns = ("layer and option ", "method ", "dtype ", "device ", "base ", "candidate ", "why ")
    caption = "Cells of the support matrix that are marked otherwise"
    return Table(id="matrix-cells", caption=caption, columns=columns, rows=tuple(rows))


def _uses(report: GateReport) -> Table:
    rows = (
        Row((use.name, use.base, use.candidate, use.kind or ""), _tone(use) if use.kind else "") for use in report.uses
    )
    columns = ("sequence of calls ", "base ", "candidate ", "change ")
    caption = "Sequences of calls on both sides"
    return Table(id="uses", caption=caption, columns=columns, rows=tuple(rows))


def _tone(use: GateUse) -> Literal["bad", "warn"]:
    return "bad" if use.kind and use.kind.is_regression else "warn"


def _marked(outcome: Outcome | None) -> Marked:
    return Marked(outcome, COLOURS[outcome]) if outcome else Marked("absent", "dim")


def _speeds(report: GateReport) -> Table:
    rows = []
    for speed in report.speeds:
        timing = speed.timing
        answered = Marked(timing.answer, "bad" if timing.answer == "slower" else "")
        interval = f"{timing.low:.2f} to {timing.high:.2f}"
        rows.append(Row((speed.method, speed.device, speed.shape, f"{timing.ratio:.2f}", interval, answered)))
    columns = ("method ", "device ", "shape ", "time, × base", "interval", "answer ")
    return Table(id="speeds", caption="Time of the candidate beside the base's", columns=columns, rows=tuple(rows))
