"""A gate's report for a terminal or a log."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.syntax import Syntax
from rich.table import Table

from jaccheck.core import duration_text, plural
from jaccheck.rendering.fitting import fitted, heading, prose, verbatim
from jaccheck.reports import LABELS, Change, GateCell, GateReport, SideRecord

SHOWN_CELLS = 12
"""Of the cells of the support matrix that changed, how many are printed."""

_COUNTS = ("cases", "same", "within", "different", "refused")


def gate_answer(report: GateReport) -> str:
    """The answer in one sentence, with the numbers that it rests on."""
    causes = [changes for changes in report.causes if changes[0].matters]
    regressions = sum(map(len, causes))
    accepted = sum(bool(change.accepted) for change in report.changes)
    others = len(report.changes) - regressions - accepted
    verdict = "nothing that matters changed"
    if regressions:
        verdict = plural(len(causes), "regression")
        if regressions > len(causes):
            methods = {change.method for changes in causes for change in changes}
            verdict += f" (in {plural(len(methods), 'method')})"
    elif not any(cell.entries for cell in report.cells) or report.uncompared:
        verdict = f"nothing was compared of {', '.join(report.uncompared) or 'any method'}"
    if accepted:
        verdict += f", {accepted} accepted"
    if others:
        verdict += f", {plural(others, 'other change')}"
    entries = sum(sum(cell.ulps) for cell in report.cells)
    same = sum(cell.ulps[0] for cell in report.cells)
    text = (
        f"{verdict}: {report.settings.base} → {report.settings.candidate}, "
        f"{plural(report.cases, 'case')}, {plural(len(report.settings.methods), 'method')}, "
        f"{plural(entries, 'entry', 'entries')}, {entries - same:,} of them with other bits; "
        f"{duration_text(report.seconds)}, seed {report.settings.seed}"
    )
    if report.refusing and not report.uncompared:
        text += f"; {', '.join(report.refusing)} refuse{'s' * (len(report.refusing) == 1)} all of them on both sides"
    if report.resumed:
        text += f"; {plural(report.resumed, 'case was', 'cases were')} compared by an earlier run"
    return f"interrupted; {text}" if report.interrupted else text


def side_line(name: str, side: SideRecord) -> str:
    """What a side really was, in one line."""
    versions = " · ".join(
        f"{package} {side.versions[package]}"
        for package in ("backpack-for-pytorch", "torch")
        if package in side.versions
    )
    missing = f"; cannot run: {', '.join(side.missing)}" if side.missing else ""
    return f"{name:<9} {side.asked}: {versions} from {side.files.get('backpack', 'nowhere')}{missing}"


def coverage_table(report: GateReport) -> Table:
    """A row for each method and device: how many cases gave the same bits, other bits, another verdict."""
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("method", "device"):
        table.add_column(column, overflow="fold")
    for column in ("cases", "same bits", "within bound", "different", "refused"):
        table.add_column(column, justify="right", no_wrap=True)
    for column in ("ulps apart", "factor, ulps apart"):
        table.add_column(column, justify="right")
    rows: dict[tuple[str, str], list[GateCell]] = defaultdict(list)
    for cell in report.cells:
        rows[cell.method, cell.device].append(cell)
    shut = {(change.method, change.device) for change in report.changes if change.matters}
    for (method, device), cells in rows.items():
        counts = (sum(getattr(cell, name) for cell in cells) for name in _COUNTS)
        table.add_row(
            method,
            device,
            *(f"{count:,}" for count in counts),
            apart(cell.ulps for cell in cells),
            apart(cell.factor_ulps for cell in cells),
            style="red" if (method, device) in shut else None,
        )
    return table


def uses_table(report: GateReport) -> Table:
    """A row for each sequence of calls that changed, and one for the others."""
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("sequence of calls", "base", "candidate", ""):
        table.add_column(column, overflow="fold")
    for use in report.uses:
        if use.kind:
            shut = use.kind.is_regression
            table.add_row(*map(escape, (use.name, use.base, use.candidate)), use.kind, style="red" if shut else None)
    same = [use for use in report.uses if not use.kind]
    right = sum(use.base == use.candidate == "right" for use in same)
    if same:
        table.add_row(plural(len(same), "other"), f"{right} right, {len(same) - right} known", "the same", "")
    return table


def speed_table(report: GateReport) -> Table:
    """A row for each method and shape: how the candidate's time compares with the base's."""
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("method", "device", "shape"):
        table.add_column(column, overflow="fold")
    for column in ("time, × base", "interval", ""):
        table.add_column(column, justify="right", no_wrap=True)
    for speed in report.speeds:
        timing = speed.timing
        interval = f"{timing.low:.2f} to {timing.high:.2f}"
        table.add_row(speed.method, speed.device, speed.shape, f"{timing.ratio:.2f}", interval, timing.answer)
    return table


def apart(histograms: Iterable[tuple[int, ...]]) -> str:
    """A histogram in words: how many entries are how many ulps apart, those that are not."""
    total = [sum(column) for column in zip(*histograms, strict=True)]
    found = [f"{label}: {count:,}" for label, count in zip(LABELS, total, strict=True) if count and label != "same"]
    return ", ".join(found) or ("none" if total and total[0] else "")


def print_cause(changes: tuple[Change, ...], report: GateReport, console: Console) -> None:
    """What each side does and the smallest case; where it matters, also the script and how to run it on each side.

    Of several methods with one cause the first is shown, and the others are named.
    """
    change, methods = changes[0], ", ".join(dict.fromkeys(change.method for change in changes))

    def line(text: str, style: str | None = None) -> None:
        prose(console, text, style)

    colour = "red" if change.matters else "green"
    heading(console, f"{change.kind}: {methods} on {change.device}", colour)
    if change.base:
        line(f"base       {change.base}")
    line(f"candidate  {change.candidate}", f"bold {colour}")
    line(f"seen in {plural(sum(each.seen for each in changes), 'case')}")
    if len(changes) > 1:
        line(f"one cause in {len(changes)} methods; this is {change.method}")
    if change.script and change.case is not None:
        line("\nThe smallest case found:", "bold")
        verbatim(console, repr(change.case))
    if change.script and change.matters:
        line("\nThis script shows it without jaccheck:", "bold")
        console.print(Syntax(change.script.rstrip(), "python", background_color="default"), soft_wrap=True)
        line("\nRun it on either side:", "bold")
        for side in (report.base, report.candidate):
            verbatim(console, f"{side.asked}: {side.command}")
    line("")


def print_gate(report: GateReport, console: Console) -> None:
    """Every change, in one line where it is accepted; coverage, what each side was, the answer."""

    def line(text: str, style: str | None = None) -> None:
        prose(console, text, style)

    for changes in report.causes:
        if not changes[0].accepted:
            print_cause(changes, report, console)
    console.print(fitted(coverage_table(report), console, ("factor, ulps apart", "refused")))
    if report.speeds:
        console.print(fitted(speed_table(report), console, ("device",)))
    if report.uses:
        console.print(uses_table(report))
    if report.matrix:
        line(f"{plural(len(report.matrix), 'cell')} of the support matrix:")
        for cell in report.matrix[:SHOWN_CELLS]:
            line(f"  {cell}")
        if len(report.matrix) > SHOWN_CELLS:
            line(f"  and {len(report.matrix) - SHOWN_CELLS:,} more; a report has them all (--report out.html)")
    for change in report.changes:
        if change.accepted:
            line(f"accepted: {change.kind}: {change.method} on {change.device}: {change.candidate}: {change.accepted}")
    for acceptance in report.unmatched:
        text = f"warning: accepted but not there any more: {acceptance.kind}, {acceptance.method}: {acceptance.reason}"
        line(text, "yellow")
    line(side_line("base", report.base))
    line(side_line("candidate", report.candidate))
    line(gate_answer(report), "green" if report.is_open else "red")
