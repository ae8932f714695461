"""A gate's report as Markdown, for a pull request's comment or a step summary of CI."""

from __future__ import annotations

from jaccheck.core import plural
from jaccheck.rendering.gate.text import gate_answer, side_line
from jaccheck.rendering.markdown import escaped, folded
from jaccheck.reports import CellChange, Change, GateReport, GateUse, Speed


def gate_markdown(report: GateReport) -> str:
    """The answer first, a table of changes, then each with its case and script, folded."""
    lines = [f"### jaccheck gate: {'open' if report.is_open else 'shut'}", "", escaped(gate_answer(report)), ""]
    if report.changes:
        lines += ["| change | method | device | base | candidate | cases |", "|---|---|---|---|---|---|"]
        lines += [_row(changes) for changes in report.causes]
        lines.append("")
    for change, *_ in report.causes:
        if change.script and not change.accepted:
            title = f"{change.kind}: {change.method}, the smallest case and a script"
            sides = (f"- {escaped(s.asked)}: `{s.command.replace('`', '')}`" for s in (report.base, report.candidate))
            lines += folded(title, repr(change.case), change.script, last=tuple(sides))
    if report.matrix:
        head = ["| layer | method | dtype | device | base | candidate |", "|---|---|---|---|---|---|"]
        lines += [
            f"{plural(len(report.matrix), 'cell')} of the support matrix:",
            "",
            *head,
            *map(_cell, report.matrix),
            "",
        ]
    if report.uses:
        lines += ["| sequence of calls | base | candidate | |", "|---|---|---|---|", *map(_use, report.uses), ""]
    if report.speeds:
        lines += ["| method | device | shape | time, × base | |", "|---|---|---|---|---|"]
        lines += [_speed(speed) for speed in report.speeds]
        lines.append("")
    for acceptance in report.unmatched:
        lines.append(f"- accepted, but not there any more: {escaped(f'{acceptance.kind}, {acceptance.method}')}")
    lines += [
        "",
        *(f"- {escaped(side_line(n, s))}" for n, s in (("base", report.base), ("candidate", report.candidate))),
    ]
    return "\n".join(lines) + "\n"


def _row(changes: tuple[Change, ...]) -> str:
    change, methods = changes[0], ", ".join(dict.fromkeys(each.method for each in changes))
    mark = "🔴" if change.matters else "⚪" if change.accepted or change.kind.is_regression else "🟢"
    accepted = f" (accepted: {change.accepted})" if change.accepted else ""
    kind, seen = f"{mark} {change.kind}{accepted}", str(sum(each.seen for each in changes))
    cells = (kind, methods, change.device, change.base, change.candidate, seen)
    return "| " + " | ".join(escaped(cell) for cell in cells) + " |"


def _use(use: GateUse) -> str:
    return "| " + " | ".join(escaped(text) for text in (use.name, use.base, use.candidate, use.kind or "")) + " |"


def _cell(cell: CellChange) -> str:
    was, now = (mark.value if mark else "absent" for mark in (cell.was, cell.now))
    texts = (f"{cell.group}: {cell.row}", cell.method, cell.dtype, cell.device, was, now)
    return "| " + " | ".join(escaped(text) for text in texts) + " |"


def _speed(speed: Speed) -> str:
    timing = speed.timing
    ratio = f"{timing.ratio:.2f} ({timing.low:.2f} to {timing.high:.2f})"
    return f"| {escaped(speed.method)} | {speed.device} | {escaped(speed.shape)} | {ratio} | {timing.answer} |"
