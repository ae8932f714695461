"""Times beside those of an earlier report, as a table."""

from __future__ import annotations

from math import inf

from rich import box
from rich.console import Console
from rich.table import Table

from jaccheck.core import plural, seconds_text
from jaccheck.rendering.fitting import fitted, prose
from jaccheck.reports import Answer, BenchComparison, TimeChange

COLUMNS = ("problem", "method", "before", "now", "now ÷ before", "95 % each", "floor's", "answer")


def print_comparison(comparison: BenchComparison, console: Console) -> None:
    """What became faster or slower, in a row each; the rest is counted. First in what the two runs differ."""
    if comparison.differences:
        prose(console, f"not the same as for {comparison.path}: {'; '.join(comparison.differences)}", "yellow")
    changed = [c for c in comparison.changes if c.answer in (Answer.FASTER, Answer.SLOWER)]
    if changed:
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for number, column in enumerate(COLUMNS):
            table.add_column(column, justify="left" if number < 2 else "right", overflow="fold")
        for change in changed:
            times = (seconds_text(change.before_s), seconds_text(change.now_s))
            table.add_row(f"{change.problem}, {change.regime}", change.method, *times, *change_texts(change))
        console.print(fitted(table, console, ("floor's", "95 % each")))
    prose(console, comparison_line(comparison))


def comparison_line(comparison: BenchComparison) -> str:
    """How many times were compared, and what came out."""
    counts = {a: sum(change.answer is a for change in comparison.changes) for a in Answer}
    words = {Answer.UNDECIDED: "not decided", Answer.SAME: "the same"}
    shown = ", ".join(f"{count} {words.get(a, a)}" for a, count in counts.items() if count)
    return f"beside {comparison.path}: {plural(len(comparison.changes), 'time')} compared: {shown}"


def change_texts(change: TimeChange) -> tuple[str, str, str, str]:
    """The ratio now / before, its interval, that of the floor, and what is said of it."""
    interval = f"{change.low:.2f} to {change.high:.2f}" if change.high < inf else "?"
    floor = "" if change.floor_ratio is None else f"{change.floor_ratio:.2f}"
    return f"{change.ratio:.2f}", interval, floor, change.answer
