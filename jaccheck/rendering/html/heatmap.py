"""`heatmap`: an excerpt of the Jacobians as three grids of squares: what came, what was expected, the difference."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, log10

from jaccheck.reports import TINY, Excerpt

HEIGHT = 22
"""Of a cell."""

WIDTHS = {True: 64, False: 22}
"""Of a cell, with its number written on it or not."""

FEW_COLUMNS = 6
"""With no more, there is room for numbers."""

_LETTER = 6.6
_SLANT = 0.62
"""How far a letter of a label rises."""

MOST_LETTERS = 22

DECADES = 6
"""Differences this many powers of ten beyond the bound, and larger ones, have the full colour."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The colour of an entry, how strong it is, and what is written on it."""

    tone: str
    strength: float
    label: str


@dataclass(frozen=True, slots=True)
class Square:
    """One entry: its place, its colour, and its numbers in words."""

    x: int
    y: int
    mark: Mark
    text: str


@dataclass(frozen=True, slots=True)
class Grid:
    """One of the three."""

    title: str
    legend: str
    squares: tuple[Square, ...]


@dataclass(frozen=True, slots=True)
class Heatmap:
    """Three grids with the same frame. All lengths are those of the drawing."""

    grids: tuple[Grid, ...]
    width: int
    height: int
    cell: int
    left: int
    top: int
    samples: tuple[tuple[float, str], ...]
    """Where the rows of each sample begin, and its name."""
    parameters: tuple[tuple[float, float, str], ...]
    """Where the columns of each parameter begin and end, and its name."""
    worst: tuple[int, int]
    caption: str


def heatmap(excerpt: Excerpt) -> Heatmap:
    """The drawing of an excerpt: zero has no colour, both signs one each, the worst entry a frame."""
    rows, columns = len(excerpt.actual), len(excerpt.actual[0])
    cell = WIDTHS[columns <= FEW_COLUMNS]
    names = [(name if len(name) <= MOST_LETTERS else f"{name[: MOST_LETTERS - 1]}…") for name, _ in excerpt.parameters]
    # The last label leans out to the right by as much as it rises.
    top = 14 + round(max(map(len, names)) * _LETTER * _SLANT)
    left = 72
    first = [excerpt.first_row + row for row in range(rows)]
    samples = [
        (float(top + row * HEIGHT), f"sample {number // excerpt.C}")
        for row, number in enumerate(first)
        if row == 0 or number % excerpt.C == 0
    ]
    parameters, begin = [], float(left)
    for name, (_, length) in zip(names, excerpt.parameters, strict=True):
        parameters.append((begin, begin + length * cell, name))
        begin += length * cell
    reach = max(x + 14 + len(name) * _LETTER * 0.8 for x, _, name in parameters)
    return Heatmap(
        grids=tuple(_grids(excerpt, left, top, cell)),
        width=round(max(left + columns * cell + 4, reach)),
        height=top + rows * HEIGHT + 4,
        cell=cell,
        left=left,
        top=top,
        samples=tuple(samples),
        parameters=tuple(parameters),
        worst=(left + excerpt.worst[1] * cell, top + excerpt.worst[0] * HEIGHT),
        caption=_caption(excerpt, rows, columns),
    )


def _caption(excerpt: Excerpt, rows: int, columns: int) -> str:
    text = "A row for each sample and output, a column for each number in a parameter. "
    if (rows, columns) == (excerpt.rows, excerpt.columns):
        return text + "All Jacobians are shown."
    last_row, last_column = excerpt.first_row + rows - 1, excerpt.first_column + columns - 1
    return (
        text + f"Shown are rows {excerpt.first_row} to {last_row} of {excerpt.rows:,} and columns "
        f"{excerpt.first_column} to {last_column} of {excerpt.columns:,}, around the worst entry."
    )


def _grids(excerpt: Excerpt, left: int, top: int, cell: int) -> list[Grid]:
    finite = [abs(v) for grid in (excerpt.actual, excerpt.expected) for line in grid for v in line if isfinite(v)]
    largest = max(finite, default=0.0)
    names = [name for name, length in excerpt.parameters for _ in range(length)]
    drawn: dict[str, list[Square]] = {"actual": [], "expected": [], "difference": []}
    for row, lines in enumerate(zip(excerpt.actual, excerpt.expected, excerpt.bound, strict=True)):
        for column, (actual, expected, bound) in enumerate(zip(*lines, strict=True)):
            sample, output = divmod(excerpt.first_row + row, excerpt.C)
            place = f"sample {sample}, output {output}, {names[column]}"
            text = f"{place}: {actual:.6g}, expected {expected:.6g}, bound {bound:.2g}"
            marks = (by_value(actual, largest), by_value(expected, largest), by_test_ratio(actual, expected, bound))
            for squares, mark in zip(drawn.values(), marks, strict=True):
                shown = mark if cell == WIDTHS[True] or mark.tone == "odd" else Mark(mark.tone, mark.strength, "")
                squares.append(Square(left + column * cell, top + row * HEIGHT, shown, text))
    scale = f"blue is negative, orange positive; the strongest is {largest:.3g}"
    scaled = "in multiples of the bound; empty: equal, grey: within the bound, red: outside"
    legends = {"actual": scale, "expected": scale, "difference": scaled}
    return [Grid(title, legends[title], tuple(squares)) for title, squares in drawn.items()]


def by_value(value: float, largest: float) -> Mark:
    """The mark of a number, among numbers up to `largest`."""
    if value != value:
        return Mark("odd", 1.0, "NaN")
    strength = 1.0 if not isfinite(value) else abs(value) / largest if largest else 0.0
    return Mark("plus" if value > 0 else "minus", strength, f"{value:.3g}".replace("inf", "∞"))


def by_test_ratio(actual: float, expected: float, bound: float) -> Mark:
    """The mark of a difference: by how many powers of ten it is larger than its bound."""
    if actual == expected or (actual != actual and expected != expected):
        return Mark("within", 0.0, "")
    difference = abs(actual - expected)
    if difference <= bound or bound == inf:
        return Mark("within", 0.35, f"{difference / bound:.2g}" if 0 < bound < inf else "")
    ratio = difference / bound if bound > TINY and isfinite(difference) else inf
    label = f"{ratio:.1e}" if ratio < inf else "≠"
    return Mark("outside", 0.3 + 0.7 * min(log10(ratio) / DECADES, 1.0), label)
