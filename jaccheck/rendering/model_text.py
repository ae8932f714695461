"""A `ModelReport` as text: what was compared, with what, a row for each method, what speaks against some, the verdict.

The gravest stands last, just above the verdict, where a terminal shows it without scrolling. Pages begin with it.
"""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table

from jaccheck.core import bytes_text, duration_text, plural
from jaccheck.rendering.fitting import fitted, prose, verbatim
from jaccheck.rendering.text import environment_line
from jaccheck.reports import DtypeAnswer, ModelReport, Outcome, TableRow, answer_table, statements

_STYLES = {"bad": "red", "warn": "yellow", "dim": "dim"}


def print_model_report(report: ModelReport, console: Console) -> None:
    """The whole answer."""
    prose(console, model_headline(report))
    if report.chunks > 1:
        prose(console, parts_line(report))
    prose(console, environment_line(report.environment))
    prose(console, report.judged_by)
    console.print(fitted(_table(report), console, ("undecided", "memory")))
    for each in reversed(statements(report)):
        prose(console, each.text, _STYLES[each.tone])
        for more in each.more:
            prose(console, more, _STYLES[each.tone], indent=2)
    style = "red" if report.found_something else "yellow" if report.recommended is None else "green"
    prose(console, f"{report.verdict}; {duration_text(report.seconds)}", style)
    if report.call:
        verbatim(console, report.call_line)


def model_headline(report: ModelReport) -> str:
    """What the model is, and what is compared, in one line."""
    what = f"gradients of each sample's own {report.loss}" if report.loss else "Jacobians"
    return (
        f"{report.model}: {plural(report.N, 'sample')} (N), {plural(report.C, 'output')} (C), "
        f"{plural(report.parameters, 'number')} in parameters, {report.dtype} on {report.device}; "
        f"{what} (J) of {bytes_text(report.jacobian_bytes)}"
    )


def parts_line(report: ModelReport) -> str:
    """How a large Jacobian was compared, and what that cannot show."""
    alone = ", and what a method mixes up between samples does not show" if report.chunk_samples == 1 < report.N else ""
    return (
        f"compared in {report.chunks:,} parts of up to {bytes_text(report.chunk_bytes)}, within "
        f"{bytes_text(report.memory)} of memory; time and memory below are those of {report.part_words}{alone}"
    )


def _table(report: ModelReport) -> Table:
    shown = answer_table(report)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), collapse_padding=True, pad_edge=False)
    table.add_column("method", overflow="fold")
    for dtype, limit in zip(shown.dtypes, shown.limits, strict=True):
        table.add_column(f"in {dtype}\n{limit:>19}", no_wrap=True)
    if shown.has_undecided:
        table.add_column("undecided", justify="right", no_wrap=True)
    for column in ("time", "memory"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in shown.rows:
        cells = [row.undecided] if shown.has_undecided else []
        table.add_row(
            row.answer.method,
            *(f"{each.outcome or '':<10} {each.ratio:>8}".rstrip() for each in row.in_dtypes),
            *cells,
            row.time,
            row.memory,
            style=_style(report, row),
        )
    return table


def _style(report: ModelReport, row: TableRow) -> str | None:
    if row.answer.method == report.recommended:
        return "bold"
    if row.answer.is_wrong:
        return "red"
    return "dim" if _is_unknown(row.in_dtypes[-1]) else None


def _is_unknown(answer: DtypeAnswer) -> bool:
    return answer.outcome is not None and answer.outcome is Outcome.UNDECIDED
