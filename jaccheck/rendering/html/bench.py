"""The page of `jaccheck bench`."""

from __future__ import annotations

import base64
import importlib.util
from collections import Counter

from jaccheck.core import bytes_text, duration_text, plural
from jaccheck.rendering.bench import COLUMNS, LEGEND, bench_summary, floor_row, headline, method_row
from jaccheck.rendering.html.page import Head, environment_facts, render
from jaccheck.rendering.html.tables import Row, Table, count
from jaccheck.reports import REGIMES, BenchCell, BenchReport

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
            (f"{cell.shape}, {cell.dtype} on {cell.device}", _table(cell, number))
            for number, cell in enumerate(problems)
        ],
        unranked=_unranked(report),
        growth=_growth(report),
        fastest=_fastest(problems),
    )


def _head(report: BenchReport, problems: list[BenchCell]) -> Head:
    fastest = Counter(ranked[0].method for cell in problems for r in REGIMES if (ranked := cell.ranked(r)))
    races = sum(fastest.values())
    answer = ", ".join(f"{name} {wins} times" for name, wins in fastest.most_common(3))
    answer = f"Fastest: of {plural(races, 'ranking')}, {answer}" if races else "Nothing was timed"
    if report.wrong:
        answer = f"{plural(len(report.wrong), 'wrong result')}; {answer[0].lower()}{answer[1:]}"
    return Head(
        command="bench",
        tone="bad" if report.wrong else "warn" if report.interrupted or not races else "good",
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


def _table(cell: BenchCell, number: int) -> Table:
    methods = {m.method: m for regime in REGIMES for m in cell.ranked(regime)}
    rows = (Row(tuple(floor_row(cell)), "dim"), *(Row(tuple(method_row(cell, m))) for m in methods.values()))
    columns = (f"{COLUMNS[0]} ", *COLUMNS[1:])
    return Table(id=f"problem-{number}", caption=headline(cell), columns=columns, rows=rows)


def _fastest(problems: list[BenchCell]) -> Table:
    rows = []
    for cell in problems:
        best = [ranked[0] if (ranked := cell.ranked(regime)) else None for regime in REGIMES]
        names = [m.method if m else "–" for m in best]
        # The time is the second column of a row of the large tables, and the sixth in reused memory.
        times = [method_row(cell, m)[place] if m else "" for m, place in zip(best, (1, 5), strict=True)]
        won = [text for pair in zip(names, times, strict=True) for text in pair]
        rows.append(Row((cell.shape, cell.dtype, cell.device, bytes_text(cell.jacobian_bytes), *won)))
    columns = ("problem ", "dtype ", "device ", "Jacobian", "fresh memory ", "time", "reused memory ", "time")
    return Table(id="fastest", caption="The fastest method of each problem", columns=columns, rows=tuple(rows))


def _unranked(report: BenchReport) -> Table:
    """Methods that are not in a table, and why."""
    rows = [
        Row((f"{cell.shape}, {cell.dtype}", m.method, m.outcome, m.message), "bad" if is_wrong else "")
        for cell in report.cells
        for m in cell.methods
        if (is_wrong := m.outcome.is_wrong) or not (m.fresh and m.reused)
    ]
    columns = ("problem ", "method ", "outcome ", "why ")
    return Table(id="unranked", caption="Not timed, or in one kind of memory only", columns=columns, rows=tuple(rows))


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
