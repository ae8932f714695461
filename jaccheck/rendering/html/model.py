"""The page of `jaccheck check`."""

from __future__ import annotations

from jaccheck.core import plural
from jaccheck.rendering.html.heatmap import heatmap
from jaccheck.rendering.html.page import Head, environment_facts, render
from jaccheck.rendering.html.tables import COLOURS, Marked, Row, Table, count, share
from jaccheck.rendering.model_text import bytes_text, compared, seconds_text
from jaccheck.reports import MethodAnswer, ModelReport, Outcome


def model_page(report: ModelReport) -> str:
    """The report as one HTML file."""
    pictures = [
        (answer, heatmap(answer.worst.around)) for answer in report.answers if answer.worst and answer.worst.around
    ]
    return render(
        "model.html",
        _head(report),
        report=report,
        answers=_answers(report),
        reasons=_reasons(report),
        pictures=pictures,
        outcomes=[each for each in Outcome if any(answer.outcome is each for answer in report.answers)],
    )


def _head(report: ModelReport) -> Head:
    usable = sum(answer.outcome.is_usable for answer in report.answers)
    wrong = sum(answer.outcome.is_wrong for answer in report.answers)
    return Head(
        command=f"check {report.model}",
        tone="bad" if report.found_something else "warn" if report.interrupted else "good",
        answer=f"{'Interrupted: ' if report.interrupted else ''}{report.advice[:1].upper()}{report.advice[1:]}",
        lead=f"Judged by: {report.judged_by}",
        figures=(
            ("usable", plural(usable, "method")),
            ("wrong or crashing", plural(wrong, "method")),
            ("N × C", f"{report.N:,} × {report.C:,}"),
            ("parameters", count(report.parameters)),
            ("Jacobians", bytes_text(report.jacobian_bytes)),
            ("took", f"{report.seconds:.1f} s"),
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
    rows = []
    for answer in report.answers:
        seen = answer.entries > 0
        rows.append(
            Row(
                (
                    answer.method,
                    Marked(str(answer.outcome), COLOURS[answer.outcome]),
                    answer.comparison if seen or answer.outcome is Outcome.DISAGREES else "",
                    compared(answer, report) if seen else "",
                    share(answer.undecided, answer.entries) if seen else "",
                    f"{answer.test_ratio:.2g} ×" if answer.comparison in ("bound", "estimate") else "",
                    "" if answer.median_s is None else seconds_text(answer.median_s),
                    "" if answer.peak is None else f"{answer.peak:.1f} × J",
                ),
                "good" if answer.method == report.recommended else "bad" if answer.outcome.is_wrong else "",
            )
        )
    return Table(
        id="methods",
        caption="What every method did on this model",
        columns=("method ", "answer ", "judged by ", "compared", "undecided", "worst", "time", "memory"),
        rows=tuple(rows),
    )


def _reasons(report: ModelReport) -> Table:
    """What was said of a method beyond its outcome, warnings that it raised included."""
    rows = [Row((answer.method, text)) for answer in report.answers for text in _said(answer)]
    return Table(id="reasons", caption="Why", columns=("method ", "what was seen "), rows=tuple(rows))


def _said(answer: MethodAnswer) -> list[str]:
    message = [f"{answer.outcome}: {answer.message}"] if answer.message else []
    return [*message, *(f"warned: {warning}" for warning in answer.warnings)]
