"""The page of `jaccheck matrix`."""

from __future__ import annotations

from collections import Counter, defaultdict

from jaccheck.core import plural
from jaccheck.rendering.html.page import Head, cluster_facts, environment_facts, render
from jaccheck.rendering.html.tables import COLOURS, Marked, Row, Table, count, listed
from jaccheck.rendering.matrix import LEGEND, SIGNS, backpack_first, columns_alike
from jaccheck.reports import MatrixCell, MatrixReport, Outcome


def matrix_page(report: MatrixReport) -> str:
    """The report as one HTML file: a table for each dtype and device, and why cells are not right."""
    numbers = _numbers(report)
    tables = []
    for number, (dtype, device) in enumerate(dict.fromkeys((cell.dtype, cell.device) for cell in report.cells)):
        cells = [cell for cell in report.cells if (cell.dtype, cell.device) == (dtype, device)]
        alike = backpack_first(columns_alike(cells))
        together = [names for names in alike if len(names) > 1]
        tables.append((f"{dtype} on {device}", together, _table(cells, alike, number, numbers)))
    return render("matrix.html", _head(report), tables=tables, reasons=_reasons(report), legend=LEGEND, numbers=numbers)


def _head(report: MatrixReport) -> Head:
    found = Counter(cell.outcome for cell in report.cells)
    wrong = dict.fromkeys(cell.method for cell in report.cells if cell.outcome is Outcome.DISAGREES)
    rows = len({(cell.group, cell.row) for cell in report.cells})
    methods = len({cell.method for cell in report.cells})
    answer = f"{plural(methods, 'method')} on {plural(rows, 'layer and option', 'layers and options')}: "
    return Head(
        command="matrix",
        tone="warn" if found[Outcome.DISAGREES] or found[Outcome.CRASHED] else "good",
        answer=answer + (f"wrong without a word: {listed(wrong)}" if wrong else "none is wrong without a word"),
        lead="Every method on every layer and option that torch computes, in each dtype and on each device asked for.",
        figures=tuple((outcome, count(found[outcome])) for outcome in Outcome if found[outcome]),
        facts=(*environment_facts(report.environment), *cluster_facts(report.cluster)),
    )


def _numbers(report: MatrixReport) -> dict[str, int]:
    """A number for each known issue that explains a cell: cells are narrow."""
    names = dict.fromkeys(name for cell in report.cells for name in cell.known)
    return {name: number for number, name in enumerate(names, start=1)}


def _table(cells: list[MatrixCell], alike: list[tuple[str, ...]], number: int, numbers: dict[str, int]) -> Table:
    found = {(cell.group, cell.row, cell.method): cell for cell in cells}
    rows = []
    for group in dict.fromkeys(cell.group for cell in cells):
        rows.append(Row((group,), is_group=True))
        for row in dict.fromkeys(cell.row for cell in cells if cell.group == group):
            shown = [found[group, row, names[0]] for names in alike]
            is_wrong = any(COLOURS[cell.outcome] in ("bad", "warn") for cell in shown)
            marked = (Marked(_text(cell, numbers), COLOURS[cell.outcome]) for cell in shown)
            rows.append(Row((row, *marked), is_marked=is_wrong))
    return Table(
        id=f"matrix-{number}",
        caption=f"{cells[0].dtype} on {cells[0].device}",
        columns=("layer ", *(f"{names[0]} " for names in alike)),
        rows=tuple(rows),
    )


def _text(cell: MatrixCell, numbers: dict[str, int]) -> str:
    known = ", ".join(str(numbers[name]) for name in cell.known)
    return f"{SIGNS[cell.outcome]} ({known})" if known else SIGNS[cell.outcome]


def _reasons(report: MatrixReport) -> Table:
    """What was said where a method is not right: a row for each message on a layer."""
    places: dict[tuple[str, Outcome, str, tuple[str, ...]], list[MatrixCell]] = defaultdict(list)
    for cell in report.cells:
        if cell.message and cell.outcome is not Outcome.NOT_COMPUTED:
            places[f"{cell.group}: {cell.row}", cell.outcome, cell.message, cell.known].append(cell)
    rows = []
    for (layer, outcome, message, known), cells in places.items():
        methods = listed(dict.fromkeys(cell.method for cell in cells), most=3)
        dtypes = ", ".join(dict.fromkeys(cell.dtype for cell in cells))
        shown = (layer, Marked(outcome, COLOURS[outcome]), methods, dtypes, message, ", ".join(known))
        rows.append(Row(shown, is_marked=COLOURS[outcome] in ("bad", "warn")))
    rows.sort(key=lambda row: not row.is_marked)  # what is refused comes last
    columns = ("layer ", "outcome ", "methods ", "dtypes ", "what was seen ", "known issue ")
    return Table(id="reasons", caption="What is not right, or refused", columns=columns, rows=tuple(rows))
