"""`race_plot`: a race as a picture, a line for each method: its time beside the fastest's, with the interval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, log10

from jaccheck.rendering.races import result_line, standing_text
from jaccheck.reports import BenchCell, Race, RacePlace

LINE = 24
"""Height of a method's line."""

LEFT, RIGHT, TOP = 196, 194, 26
"""Where the methods' names end, the width of the axis, and where the first line begins: narrow enough for a phone."""

MOST_LETTERS = 25


@dataclass(frozen=True, slots=True)
class Whisker:
    """A method: its name, its ratio as a dot, the interval as a bar, and all of it in words."""

    y: int
    name: str
    style: str
    dot: float
    low: float
    high: float
    text: str


@dataclass(frozen=True, slots=True)
class RacePlot:
    """A picture of a race. All lengths are those of the drawing."""

    title: str
    caption: str
    lines: tuple[Whisker, ...]
    ticks: tuple[tuple[float, str], ...]
    left: int
    width: int
    height: int


def race_plot(cell: BenchCell, race: Race) -> RacePlot:
    """The picture of the rows of a race: ratios on a logarithmic axis, those that may be the fastest in colour."""
    rows = cell.rows(race)
    limits = [value for place in rows for value in (place.ratio, place.low, place.high) if 0 < value < inf]
    least, most = min([1.0, *limits]) / 1.1, max([1.5, *limits]) * 1.1
    per_decade = RIGHT / log10(most / least)

    def across(value: float) -> float:
        return LEFT + per_decade * log10(min(max(value, least), most) / least)

    lines = tuple(_line(race, place, across, TOP + LINE * number) for number, place in enumerate(rows))
    return RacePlot(
        title=f"{cell.shape}, {cell.dtype} on {cell.device}, {race.regime} memory",
        caption=result_line(race),
        lines=lines,
        ticks=tuple((across(value), text) for value, text in _ticks(least, most)),
        left=LEFT,
        width=LEFT + RIGHT + 12,
        height=TOP + LINE * len(rows) + 6,
    )


def _line(race: Race, place: RacePlace, across: Callable[[float], float], y: int) -> Whisker:
    name = place.method if len(place.method) <= MOST_LETTERS else f"{place.method[: MOST_LETTERS - 1]}…"
    known = f", {place.low:.3g} to {place.high:.3g}" if place.high < inf else ", too few rounds for an interval"
    return Whisker(
        y=y,
        name=name,
        style="may" if place.can_be_fastest else "slower",
        dot=across(place.ratio),
        low=across(place.low),
        high=across(place.high),
        text=f"{place.method}: {place.ratio:.3g} × the fastest{known}; {standing_text(race, place)}",
    )


def _ticks(least: float, most: float) -> list[tuple[float, str]]:
    """One, two and five of each power of ten, as far as there is room."""
    steps = (1, 2, 5) if most / least < 100 else (1,)
    found = [step * 10.0**power for power in range(-3, 7) for step in steps]
    if most / least < 2:
        found = [1.0, 1.1, 1.2, 1.5]
    return [(value, f"{value:g} ×") for value in found if least <= value <= most]
