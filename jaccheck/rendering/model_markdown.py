"""A `ModelReport` as Markdown: the verdict first, what speaks against methods, then the table."""

from __future__ import annotations

from jaccheck.rendering.markdown import escaped
from jaccheck.rendering.model_text import model_headline, parts_line
from jaccheck.rendering.text import environment_line
from jaccheck.reports import ModelReport, answer_table, statements


def model_markdown(report: ModelReport) -> str:
    """The report as text for a pull request's comment or a step summary of CI."""
    shown = answer_table(report)
    lines = [f"### jaccheck check: {escaped(report.verdict)}", "", escaped(model_headline(report)), ""]
    if report.chunks > 1:
        lines += [escaped(parts_line(report)), ""]
    lines += [escaped(environment_line(report.environment)), "", escaped(report.judged_by), ""]
    if report.call:
        lines += [f"To call it: `{report.call.replace('`', '')}`", ""]
    for each in statements(report):
        mark = "**" if each.tone == "bad" else ""
        lines += [f"- {mark}{escaped(each.text)}{mark}", *(f"  - {escaped(more)}" for more in each.more)]
    heads = [f"in {dtype} ({limit})" for dtype, limit in zip(shown.dtypes, shown.limits, strict=True)]
    columns = ["method", *heads, "undecided", "time", "memory"]
    lines += ["", _row(columns), _row(["---"] * len(columns))]
    for row in shown.rows:
        lines.append(_row([row.answer.method, *map(str, row.in_dtypes), row.undecided, row.time, row.memory]))
    return "\n".join(lines).rstrip() + "\n"


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cell if cell == "---" else escaped(cell) for cell in cells) + " |"
