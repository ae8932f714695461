"""The page of `jaccheck bench`."""

from __future__ import annotations

import base64
import importlib.util
from collections import Counter

from jaccheck.core import bytes_text, duration_text, plural, seconds_text
from jaccheck.rendering.bench import (
    COLUMNS,
    LEGEND,
    bench_summary,
    headline,
    place_row,
    race_title,
    winner_text,
)
from jaccheck.rendering.comparison import change_texts
from jaccheck.rendering.html.page import Head, environment_facts, render
from jaccheck.rendering.html.race import race_plot
from jaccheck.rendering.html.tables import Row, Table, count
from jaccheck.rendering.races import bound_text, compiled_line, dropped_line, left_line
from jaccheck.reports import REGIMES, Answer, BenchCell, BenchReport, MethodTiming, Outcome

Plot = tuple[str, str, str]
"""A title, what it shows in words, and the picture as the address of an image."""


def bench_page(report: BenchReport) -> str:
    """The report as one HTML file; with plots where matplotlib is installed."""
    problems = [cell for cell in report.cells if not cell.axis]
    return render(
        "bench.html",
        _head(report, problems),
        report=report,
        legend=LEGEND,
        plots=_plots(report),
        can_plot=importlib.util.find_spec("matplotlib") is not None,
        problems=[
            (headline(cell), [race_plot(cell, race) for race in cell.races], _tables(cell, number), _left(cell))
            for number, cell in enumerate(problems)
        ],
        since=_since(report),
        compared=report.since,
        unranked=_unranked(report),
        growth=_growth(report),
        fastest=_fastest(problems),
    )


def _head(report: BenchReport, problems: list[BenchCell]) -> Head:
    races = [race for cell in problems for race in cell.races if race.places]
    decided = [race for race in races if race.is_decided]
    fastest = Counter(name for race in decided for name in race.leaders)
    answer = ", ".join(f"{name} {wins} times" for name, wins in fastest.most_common(3))
    answer = f"Fastest: of {plural(len(races), 'race')}, {answer}" if fastest else "No race was decided"
    answer = answer if races else "Nothing was timed"
    open_races = len(races) - len(decided)
    if open_races and fastest:
        answer += f"; {open_races} not decided"
    if report.wrong:
        answer = f"{plural(len(report.wrong), 'wrong result')}; {answer[0].lower()}{answer[1:]}"
    return Head(
        command="bench",
        tone="bad" if report.wrong else "warn" if report.interrupted or open_races or not races else "good",
        answer=("Interrupted: " if report.interrupted else "") + answer,
        lead=bench_summary(report).split("\n")[-1],
        figures=(
            ("problems", count(len(problems))),
            ("points of sweeps", count(len(report.cells) - len(problems))),
            ("wrong results", count(len(report.wrong))),
            ("threads", count(report.threads)),
            ("memory for a call", bytes_text(report.memory)),
            ("took", duration_text(report.seconds)),
        ),
        facts=environment_facts(report.environment),
    )


def _tables(cell: BenchCell, number: int) -> list[Table]:
    columns = tuple(f"{name} " if name in ("method", "answer") else name for name in COLUMNS)
    return [
        Table(
            id=f"problem-{number}-{race.regime}",
            caption=race_title(cell, race),
            columns=columns,
            rows=tuple(
                Row(tuple(place_row(cell, race, place)), "" if place.can_be_fastest else "dim")
                for place in cell.rows(race)
            ),
        )
        for race in cell.races
    ]


def _left(cell: BenchCell) -> list[str]:
    """What has no row, in a line each."""
    left = ((race.regime, left_line(cell, race)) for race in cell.races)
    return [
        *(f"in {regime} memory: {line}" for regime, line in left if line),
        *filter(None, [dropped_line(cell), compiled_line(cell)]),
    ]


def _fastest(problems: list[BenchCell]) -> Table:
    rows = []
    for cell in problems:
        found = [cell.race(regime) for regime in REGIMES]
        names = [winner_text(race) if race else "–" for race in found]
        rows.append(Row((cell.shape, cell.dtype, cell.device, bytes_text(cell.jacobian_bytes), *names)))
    columns = ("problem ", "dtype ", "device ", "Jacobian", "fresh memory ", "reused memory ")
    return Table(id="fastest", caption="The fastest method of each problem", columns=columns, rows=tuple(rows))


def _since(report: BenchReport) -> Table:
    """Times beside those of an earlier report."""
    rows = [
        Row(
            (
                f"{change.problem}, {change.regime}",
                change.method,
                seconds_text(change.before_s),
                seconds_text(change.now_s),
                *change_texts(change),
            ),
            "bad" if change.answer is Answer.SLOWER else "good" if change.answer is Answer.FASTER else "",
        )
        for change in (report.since.changes if report.since else ())
    ]
    columns = ("problem ", "method ", "before", "now", "now ÷ before", "95 % each", "floor's", "answer ")
    return Table(id="since", caption="Now beside an earlier report", columns=columns, rows=tuple(rows))


def _unranked(report: BenchReport) -> Table:
    """Methods that are not in a table, and why."""
    rows = [
        Row((f"{cell.shape}, {cell.dtype}", m.method, m.outcome, _why(cell, m)), "bad" if m.outcome.is_wrong else "")
        for cell in report.cells
        for m in cell.methods
        if not (m.fresh and m.reused)
    ]
    columns = ("problem ", "method ", "outcome ", "why ")
    return Table(id="unranked", caption="In no race, or in one kind of memory only", columns=columns, rows=tuple(rows))


def _why(cell: BenchCell, m: MethodTiming) -> str:
    for race in cell.races:
        if m.method in race.dropped:
            slower = bound_text(race.dropped[m.method])
            return f"dropped in {race.regime} memory after two calls: at least {slower} × slower than the fastest"
    if m.times_slower is None or m.outcome is Outcome.DISAGREES:
        return m.message
    calls = plural(m.first_calls, "call")
    return f"dropped after {calls}: at least {bound_text(m.times_slower)} × slower than the fastest"


def _growth(report: BenchReport) -> Table:
    rows = [
        Row(
            (
                each.method,
                each.quantity,
                each.axis,
                f"{each.exponent:.2f}",
                f"{each.low:.2f} to {each.high:.2f}",
                f"{each.theory:.2f}",
            )
        )
        for each in report.growth
    ]
    columns = ("method ", "quantity ", "along ", "exponent", "95 % interval", "of the Jacobian's size")
    return Table(id="growth", caption="How time and memory grow, in reused memory", columns=columns, rows=tuple(rows))


def _plots(report: BenchReport) -> list[Plot]:
    if importlib.util.find_spec("matplotlib") is None:
        return []
    from jaccheck.rendering.plots import figures, svg

    found = []
    for dtype, device, figure in figures(report):
        title = f"{dtype} on {device}: time and memory against the size of the Jacobian"
        lines = ", ".join(str(line.get_label()) for line in figure.axes[0].get_lines())
        words = f"{title}, a panel for each kind of memory; lines for {lines}. The tables below have the numbers."
        picture = base64.b64encode(svg(figure).encode()).decode()
        found.append((title, words, f"data:image/svg+xml;base64,{picture}"))
    return found
