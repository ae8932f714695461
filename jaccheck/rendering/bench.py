"""A report of times as text: a table for each problem, what is wrong, how things grow."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table

from jaccheck.core import bytes_text, duration_text, plural, seconds_text
from jaccheck.rendering.fitting import fitted, prose
from jaccheck.rendering.text import environment_line
from jaccheck.reports import REGIMES, BenchCell, BenchReport, Growth, MethodTiming, Regime, Spread, spread_text

BASELINE = "autograd_loop"

LEGEND = (
    "Median of one call, ± its 95 % confidence interval (½+: more than half; ?: fewer than six calls); ÷ floor: in "
    "multiples of the time that filling the result's memory takes; ÷ best: of the fastest method's; speed-up: over "
    "autograd_loop; peak: most memory held, in multiples of the Jacobian; fwd, bwd: passes through the network."
)


def headline(cell: BenchCell) -> str:
    """One line: which problem, and how large its Jacobian is."""
    return (
        f"{cell.shape}: {cell.network}, N = {cell.N}, C = {cell.C}, {plural(cell.parameters, 'number')} in parameters, "
        f"{cell.dtype} on {cell.device}; the Jacobian takes {bytes_text(cell.jacobian_bytes)}"
    )


COLUMNS = (
    "method",
    *(column for regime in REGIMES for column in (f"{regime} memory", "÷ floor", "÷ best", "speed-up")),
    *("peak", "fwd", "bwd"),
)
"""Of the table of a problem; `LEGEND` says what they are."""

SPARE = ("fwd", "bwd", "speed-up", "÷ floor", "peak", "÷ best")
"""Those that go first where there is no room."""


def cell_table(cell: BenchCell) -> Table:
    """A row for each method that is right, the fastest in fresh memory first; the floors on top.

    `LEGEND` says what the columns are.
    """
    title = headline(cell)
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", padding=(0, 1, 0, 0))
    for number, column in enumerate(COLUMNS):
        table.add_column(column, justify="right" if number else "left", no_wrap=bool(number), overflow="fold")
    table.add_row(*floor_row(cell), style="dim")
    order = {m.method: m for regime in REGIMES for m in cell.ranked(regime)}
    for m in order.values():
        table.add_row(*method_row(cell, m))
    return table


def floor_row(cell: BenchCell) -> list[str]:
    """The floors, as a row of the table of a problem."""
    floors = [text for regime in REGIMES for text in (_time(cell.floor(regime)), "1.0", "", "")]
    return ["(floor)", *floors, "1.0", "", ""]


def method_row(cell: BenchCell, m: MethodTiming) -> list[str]:
    """A method's times and memory, as a row of the table of a problem."""
    row = [m.method]
    for regime in REGIMES:
        row += [_time(m.time(regime)), *_ratios(cell, m, regime)]
    memory = "" if m.peak_bytes is None else f"{m.peak_bytes / max(cell.jacobian_bytes, 1):.1f}"
    return [*row, memory, *("" if n is None else f"{n:,}" for n in (m.forward_passes, m.backward_passes))]


def _time(spread: Spread | None) -> str:
    """The median, and how far its confidence interval reaches, at the longer side; "?" where there is none."""
    if spread is None:
        return ""
    return f"{seconds_text(spread.median_s)} {spread_text(spread)}"


def _ratios(cell: BenchCell, m: MethodTiming, regime: Regime) -> tuple[str, str, str]:
    times, floor = m.time(regime), cell.floor(regime)
    if times is None or floor is None:
        return "", "", ""
    fastest, loop = cell.ranked(regime)[0].time(regime), cell.median(BASELINE, regime)
    to_fastest = times.median_s / fastest.median_s if fastest else 1.0
    return _ratio(times.median_s / floor.median_s), _ratio(to_fastest), _ratio(loop / times.median_s) if loop else ""


def _ratio(value: float) -> str:
    return f"{value:.1f}" if value < 99.5 else f"{value:,.0f}"


def print_cell(cell: BenchCell, console: Console) -> None:
    """The table of a problem, and below it each method that is not in it, with the reason."""
    console.print(fitted(cell_table(cell), console, SPARE))
    for m in cell.methods:
        if m.outcome.is_wrong:
            prose(console, f"{m.method}: {m.outcome}, not ranked: {m.message}", "red", indent=2)
        elif not m.outcome.is_usable or not (m.fresh and m.reused):
            prose(console, f"{m.method}: {m.outcome}: {m.message}", "dim", indent=2)
    console.print()


def growth_table(growth: tuple[Growth, ...]) -> Table:
    """A row for each method: the exponents of time and of memory along each axis."""
    title = "how it grows: exponents with 95 % intervals, in reused memory; in brackets that of the Jacobian's size"
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold")
    table.add_column("method", overflow="fold")
    axes = dict.fromkeys(g.axis for g in growth)
    for quantity in ("time", "memory"):
        for axis in axes:
            theory = next((g.theory for g in growth if g.axis == axis), 0.0)
            table.add_column(f"{quantity}, {axis} ({theory:.1f})", justify="right", overflow="fold")
    found = {(g.method, g.quantity, g.axis): g for g in growth}
    for method in dict.fromkeys(g.method for g in growth):
        cells = [found.get((method, quantity, axis)) for quantity in ("time", "memory") for axis in axes]
        table.add_row(method, *("" if g is None else _exponent(g) for g in cells))
    return table


def _exponent(g: Growth) -> str:
    return f"{g.exponent:.1f}" if g.quantity == "memory" else f"{g.exponent:.1f} ± {(g.high - g.low) / 2:.1f}"


def bench_summary(report: BenchReport) -> str:
    """What was done, in one sentence, and the fastest method of each problem."""
    lines = [LEGEND] if report.cells else []
    lines.append(environment_line(report.environment))
    for regime in REGIMES:
        best = [(cell, ranked[0].method) for cell in report.cells if not cell.axis and (ranked := cell.ranked(regime))]
        if best:
            shown = ", ".join(f"{cell.shape} {cell.dtype} {name}" for cell, name in best)
            lines.append(f"fastest in {regime} memory: {shown}")
    threads = plural(report.threads, "thread")
    text = f"{plural(len(report.cells), 'problem')}, {plural(len(report.wrong), 'wrong result')}, "
    text += f"{duration_text(report.seconds)}, {threads}"
    if not any(m.outcome.is_usable for cell in report.cells for m in cell.methods):
        text += "; nothing was right, so nothing was timed"
    if report.not_reached:
        text += f"; no time was left for {'; '.join(report.not_reached)}: give more with --time"
    lines.append(f"interrupted; {text}" if report.interrupted else text)
    return "\n".join(lines)
