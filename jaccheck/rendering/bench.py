"""A report of times as text: a table for each race, what is wrong, how things grow."""

from __future__ import annotations

from math import inf

from rich import box
from rich.console import Console
from rich.table import Table

from jaccheck.core import bytes_text, duration_text, plural, seconds_text
from jaccheck.rendering.fitting import fitted, prose
from jaccheck.rendering.races import (
    compiled_line,
    dropped_line,
    leaders_text,
    left_line,
    result_line,
    standing_text,
    unranked_lines,
    wrong_lines,
)
from jaccheck.rendering.text import environment_line
from jaccheck.reports import REGIMES, BenchCell, BenchReport, Growth, Race, RacePlace, Spread, spread_text

LEGEND = (
    "One call: median, ± its 95 % confidence interval (½+: more than half; ?: fewer than six calls); ÷ fastest: the "
    "ratio in the rounds that both took part in, with its own 95 % interval; ÷ floor: in multiples of the time that "
    "filling the result's memory takes; peak: most memory held, in multiples of the Jacobian; fwd, bwd: passes through "
    "the network."
)


def headline(cell: BenchCell) -> str:
    """One line: which problem, and how large its Jacobian is."""
    return (
        f"{cell.shape}: {cell.network}, N = {cell.N}, C = {cell.C}, {plural(cell.parameters, 'number')} in parameters, "
        f"{cell.dtype} on {cell.device}; the Jacobian takes {bytes_text(cell.jacobian_bytes)}"
    )


COLUMNS = ("method", "one call", "÷ fastest", "95 %", "answer", "÷ floor", "peak", "fwd", "bwd")
"""Of the table of a race; `LEGEND` says what they are."""

SPARE = ("fwd", "bwd", "peak", "÷ floor")
"""Those that go first where there is no room."""


def race_table(cell: BenchCell, race: Race) -> Table:
    """A row for each method that may be the fastest, and for the best of each other kind.

    `LEGEND` says what the columns are.
    """
    title = race_title(cell, race)
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="", padding=(0, 1, 0, 0))
    for number, column in enumerate(COLUMNS):
        table.add_column(column, justify="right" if number else "left", no_wrap=bool(number), overflow="fold")
    for place in cell.rows(race):
        table.add_row(*place_row(cell, race, place))
    return table


def race_title(cell: BenchCell, race: Race) -> str:
    """The kind of memory, and the time that filling it takes."""
    floor = cell.floor(race.regime)
    return f"in {race.regime} memory" + (f", which takes {_time(floor)} to fill" if floor else "")


def place_row(cell: BenchCell, race: Race, place: RacePlace) -> list[str]:
    """A method's times and memory, as a row of the table of a race."""
    m = next(m for m in cell.methods if m.method == place.method)
    times, floor = m.time(race.regime), cell.floor(race.regime)
    memory = "" if m.peak_bytes is None else f"{m.peak_bytes / max(cell.jacobian_bytes, 1):.1f}"
    return [
        m.method,
        _time(times),
        *ratio_texts(race, place),
        standing_text(race, place),
        _ratio(times.median_s / floor.median_s) if times and floor else "",
        memory,
        *("" if n is None else f"{n:,}" for n in (m.forward_passes, m.backward_passes)),
    ]


def ratio_texts(race: Race, place: RacePlace) -> tuple[str, str]:
    """The ratio to the fastest and its interval; nothing for the first, and for what was in too few rounds."""
    if place is race.places[0] or place.high == inf:
        return "1" if place is race.places[0] else "?", ""
    digits = 2 if place.ratio < 10 else 1 if place.ratio < 99.5 else 0
    return f"{place.ratio:,.{digits}f}", f"{place.low:,.{digits}f} to {place.high:,.{digits}f}"


def _time(spread: Spread | None) -> str:
    """The median, and how far its confidence interval reaches, at the longer side; "?" where there is none."""
    if spread is None:
        return ""
    return f"{seconds_text(spread.median_s)} {spread_text(spread)}"


def _ratio(value: float) -> str:
    return f"{value:.1f}" if value < 99.5 else f"{value:,.0f}"


def print_cell(cell: BenchCell, console: Console) -> None:
    """A table for each race on a problem with its result, what was dropped in one line, and what is wrong."""
    prose(console, headline(cell), "bold")
    for race in cell.races:
        console.print(fitted(race_table(cell, race), console, SPARE))
        prose(console, result_line(race), indent=2)
        if left := left_line(cell, race):
            prose(console, left, "dim", indent=2)
        console.print()
    if dropped := dropped_line(cell):
        prose(console, dropped, "dim", indent=2)
    if compiled := compiled_line(cell):
        prose(console, compiled, "dim", indent=2)
    for line in wrong_lines(cell.methods):
        prose(console, line, "red", indent=2)
    for line in unranked_lines(cell):
        prose(console, line, "dim", indent=2)
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
    """What was done, in one sentence, and the result of each race."""
    lines = [LEGEND] if report.cells else []
    lines.append(environment_line(report.environment))
    for regime in REGIMES:
        races = [(cell, race) for cell in report.cells if not cell.axis and (race := cell.race(regime))]
        if races:
            shown = "; ".join(f"{cell.shape} {cell.dtype}: {winner_text(race)}" for cell, race in races)
            lines.append(f"fastest in {regime} memory: {shown}")
    threads = plural(report.threads, "thread") + (", by the processor's clock" if report.clock == "cpu" else "")
    text = f"{plural(len(report.cells), 'problem')}, {plural(len(report.wrong), 'wrong result')}, "
    text += f"{duration_text(report.seconds)}, {threads}"
    if not any(m.outcome.is_usable for cell in report.cells for m in cell.methods):
        text += "; nothing was right, so nothing was timed"
    if any(not race.is_decided for cell in report.cells for race in cell.races):
        text += "; what is not decided may be with more --time"
    if report.not_reached:
        text += f"; no time was left for {'; '.join(report.not_reached)}: give more with --time"
    lines.append(f"interrupted; {text}" if report.interrupted else text)
    return "\n".join(lines)


def winner_text(race: Race) -> str:
    """The fastest, or those that may be."""
    return leaders_text(race) + ("" if race.is_decided else " (not decided)") if race.places else "nothing timed"
