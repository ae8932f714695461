"""The page of `jaccheck check`."""

from __future__ import annotations

from jaccheck.core import bytes_text, duration_text, plural
from jaccheck.rendering.html.heatmap import heatmap
from jaccheck.rendering.html.page import Head, environment_facts, render
from jaccheck.rendering.html.tables import COLOURS, Mark, Marked, Row, Table, count
from jaccheck.reports import ModelReport, Outcome, Tone, answer_table, statements


def model_page(report: ModelReport) -> str:
    """The report as one HTML file."""
    pictures = [
        (answer, message, heatmap(worst.around))
        for answer in report.answers
        for worst, message in (
            (answer.worst_in_float64, f"in float64: {answer.message_in_float64}"),
            (answer.worst, answer.message),
        )
        if worst and worst.around
    ]
    return render(
        "model.html",
        _head(report),
        report=report,
        answers=_answers(report),
        reasons=_reasons(report),
        pictures=pictures,
        outcomes=[e for e in Outcome if any(e in (a.outcome, a.in_float64) for a in report.answers)],
    )


def _head(report: ModelReport) -> Head:
    usable = sum(answer.is_usable for answer in report.answers)
    crashed = sum(answer.outcome is Outcome.CRASHED for answer in report.answers)
    return Head(
        command=f"check {report.asked.place if report.asked else report.model}",
        tone="bad" if report.found_something else "good" if report.recommended and not report.interrupted else "warn",
        answer=f"{report.verdict[:1].upper()}{report.verdict[1:]}",
        lead=f"Judged by: {report.judged_by}",
        figures=(
            ("usable", plural(usable, "method")),
            ("wrong", plural(len(report.wrong), "method")),
            ("crashing", plural(crashed, "method")),
            ("N × C", f"{report.N:,} × {report.C:,}"),
            ("parameters", count(report.parameters)),
            ("Jacobians", bytes_text(report.jacobian_bytes)),
            ("took", duration_text(report.seconds)),
        ),
        facts=(
            ("model", report.model),
            ("dtype", report.dtype),
            ("device", report.device),
            ("memory", bytes_text(report.memory)),
            ("parts", f"{report.chunks:,} of up to {bytes_text(report.chunk_bytes)}"),
            *environment_facts(report.environment),
        ),
    )


def _answers(report: ModelReport) -> Table:
    shown = answer_table(report)
    rows = []
    for row in shown.rows:
        answers = (Marked(str(each), COLOURS[each.outcome]) if each.outcome else "" for each in row.in_dtypes)
        mark: Mark = "good" if row.answer.method == report.recommended else "bad" if row.answer.is_wrong else ""
        rows.append(Row((row.answer.method, *answers, row.undecided, row.time, row.memory), mark))
    heads = (f"in {dtype} ({limit}) " for dtype, limit in zip(shown.dtypes, shown.limits, strict=True))
    return Table(
        id="methods",
        caption="What every method that was compared did on this model",
        columns=("method ", *heads, "undecided", "time", "memory"),
        rows=tuple(rows),
    )


def _reasons(report: ModelReport) -> Table:
    """What is said beside the table, the gravest first."""
    rows = [Row(("; ".join((each.text, *each.more)),), _MARKS[each.tone]) for each in statements(report)]
    return Table(id="reasons", caption="Why", columns=("what was seen ",), rows=tuple(rows))


_MARKS: dict[Tone, Mark] = {"bad": "bad", "warn": "warn", "dim": "dim"}
