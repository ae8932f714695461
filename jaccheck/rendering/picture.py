"""`Picture`: Jacobians as arrays of bounded size, ready to be drawn; numpy only, and nothing is drawn here.

The matrix is that of BackPACK's tutorial: rows are samples × outputs, row `n·C + c`; columns are the entries of all
parameters, one parameter after another. Where it is larger than the drawing, a cell stands for several entries and
holds the one of largest magnitude, with its sign; NaN counts as the largest of all. So no entry that sticks out is
ever lost in an average, and the picture says how much was reduced.

`jaccheck.models` makes the pictures of cases, findings and models. `jacobian_plot.py` draws them with
matplotlib, `render/jacobian_text.py` in a terminal; the HTML report takes the arrays as they are: `Panel.values` with
the colours' `limit`, `Picture.parameters` and `samples` for names and borders, `worst` for the entry to be marked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Literal

import numpy as np
import numpy.typing as npt

from jaccheck.core import Count, plain_data
from jaccheck.rendering.parameter_groups import Group, groups_of
from jaccheck.reports import Number

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The most rows and columns of cells; a few columns more where there are many groups, which each get one."""

    rows: int = 240
    columns: int = 480


@dataclass(frozen=True, slots=True)
class Band:
    """The cells from `start` up to `stop`, which belong together, and what stands beside them."""

    label: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Which entries of the matrix each cell stands for: those from its first row and column up to the next cell's."""

    N: int
    C: int
    shapes: dict[str, tuple[int, ...]]
    """Of the parameters by name, in order."""
    groups: tuple[Group, ...]
    """The parameters as they are drawn: each alone where there are few."""
    rows: Indices
    columns: Indices

    @property
    def width(self) -> int:
        """Columns of the matrix: numbers in all parameters."""
        return sum(prod(shape) for shape in self.shapes.values())

    @property
    def is_reduced(self) -> bool:
        """Whether some cell stands for more than one entry."""
        return len(self.rows) < self.N * self.C or len(self.columns) < self.width

    @property
    def reduction(self) -> str:
        """How the picture was reduced, in one sentence; empty where it was not."""
        if not self.is_reduced:
            return ""
        tall, wide = _widest(self.rows, self.N * self.C), _widest(self.columns, self.width)
        return f"each cell is the entry of largest magnitude of up to {tall:,} × {wide:,}"

    def cell_of(self, parameter: str, index: tuple[int, ...]) -> tuple[int, int]:
        """Row and column of the cell that stands for the entry `[n, c, *i]` of a parameter's Jacobian."""
        names, (n, c, *i) = list(self.shapes), index
        before = sum(prod(self.shapes[name]) for name in names[: names.index(parameter)])
        column = before + int(np.ravel_multi_index(tuple(i), self.shapes[parameter])) if i else before
        return _place(self.rows, n * self.C + c), _place(self.columns, column)

    def parameters(self) -> tuple[Band, ...]:
        """The columns of cells of each group of parameters, labelled with its name."""
        edges = np.cumsum([0, *(group.numbers for group in self.groups)])
        return tuple(
            Band(group.label, *(int(np.searchsorted(self.columns, edge)) for edge in ends))
            for group, ends in zip(self.groups, pairwise(edges), strict=True)
        )

    def samples(self) -> tuple[Band, ...]:
        """The rows of cells of each sample, labelled with its number; of several where a row stands for several."""
        first = sorted({int(row) // self.C for row in self.rows})
        return tuple(
            Band(
                str(a) if b == a + 1 else f"{a}-{b - 1}",
                int(np.searchsorted(self.rows, a * self.C)),
                int(np.searchsorted(self.rows, b * self.C)),
            )
            for a, b in pairwise([*first, self.N])
        )

    def blank(self) -> Array:
        """Cells full of zeros, to be filled by `pool`."""
        return np.zeros((len(self.rows), len(self.columns)))

    def pool(self, cells: Array, matrix: Array, first: int = 0) -> None:
        """Puts the rows of the matrix from number `first` on into `cells`, each where it is the largest so far."""
        place = np.searchsorted(self.rows, np.arange(first, first + len(matrix)), side="right") - 1
        touched, starts = np.unique(place, return_index=True)
        pooled = _largest(_largest(matrix, self.columns, axis=1), starts, axis=0)
        before = cells[touched]
        with np.errstate(invalid="ignore"):
            keeps = np.isnan(before) | (np.abs(before) >= np.abs(pooled))
        cells[touched] = np.where(keeps, before, pooled)


@plain_data
class Entry:
    """The entry where two methods differ most; they may well be within their bounds there."""

    parameter: str
    index: tuple[Count, ...]
    """In its Jacobian `(N, C, *θ.shape)`."""
    values: tuple[Number, Number]
    difference: Number
    """In units of the bound where there is one."""
    cell: tuple[Count, Count]
    """Row and column of the cell that stands for it."""

    def told(self, names: Sequence[str]) -> str:
        """The entry, and what each of the two has there."""
        one, other = (f"{value + 0.0:.9g} by {name}" for value, name in zip(self.values, names, strict=True))  # no −0
        return f"{self.parameter}{list(self.index)}: {one}, {other}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """One heat map of a picture. `kind` says what its cells are: Jacobians, a plain difference, or one in bounds."""

    title: str
    kind: Literal["jacobian", "difference", "bounds"]
    values: Array
    """`(rows of cells, columns of cells)`."""
    limit: float
    """Colours reach from −limit to limit; what is beyond has the last colour."""

    @property
    def is_beyond(self) -> bool:
        """Whether some cell is beyond the colours, or no number."""
        return not bool(np.all(np.abs(self.values) <= self.limit))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """Heat maps of the same cells, side by side; the last is the difference of the first two, where there are three."""

    title: str
    notes: tuple[str, ...]
    """What must be said of it, each in one line."""
    grid: Grid
    panels: tuple[Panel, ...]
    worst: Entry | None = None
    """Where the difference is largest; None where it is zero everywhere, or a single thing is drawn."""

    @property
    def parameters(self) -> tuple[Band, ...]:
        """The columns of cells of each group of parameters."""
        return self.grid.parameters()

    @property
    def samples(self) -> tuple[Band, ...]:
        """The rows of cells of each sample."""
        return self.grid.samples()


def grid_of(N: int, C: int, shapes: dict[str, tuple[int, ...]], size: Size) -> Grid:
    """The cells for Jacobians of these shapes: none spans two groups of parameters, nor parts of two samples."""
    if size.rows >= N * C:
        rows = np.arange(N * C)
    elif size.rows >= N:
        within = _even(C, size.rows // N)
        rows = (np.arange(N)[:, None] * C + within).ravel()
    else:
        rows = _even(N, size.rows) * C
    groups = groups_of(shapes)
    sizes = [group.numbers for group in groups]
    total, start, columns = sum(sizes), 0, []
    # A bias beside a large weight would not be seen: each group has a part of half the columns for itself.
    least = max(1, size.columns // (2 * len(sizes)))
    for count in sizes:
        cells = count if total <= size.columns else min(count, max(least, size.columns * count // total))
        columns.append(start + _even(count, cells))
        start += count
    return Grid(N, C, shapes, groups, rows, np.concatenate(columns))


def colour_limit(*maps: Array) -> float:
    """The largest magnitude of the map where that is smallest, so that one wrong number leaves the others visible."""
    largest = [float(np.max(np.abs(cells[np.isfinite(cells)]), initial=0.0)) for cells in maps]
    smallest = min((one for one in largest if one > 0), default=1.0)
    # Maps that differ by rounding only share the larger, or the end of the colours would be passed by an ulp.
    return max(smallest, *(one for one in largest if one <= 1.01 * smallest))


def _even(count: int, cells: int) -> Indices:
    """The first of each of so many runs of nearly equal length."""
    return np.arange(cells) * count // cells


def _place(starts: Indices, position: int) -> int:
    return int(np.searchsorted(starts, position, side="right")) - 1


def _widest(starts: Indices, total: int) -> int:
    return max(_lengths(starts, total), default=0)


def _lengths(starts: Indices, total: int) -> Iterator[int]:
    return (int(b - a) for a, b in pairwise([*starts, total]))


def _largest(matrix: Array, starts: Indices, *, axis: int) -> Array:
    """Of each run along the axis the number of largest magnitude, with its sign; NaN where there is one."""
    high = np.maximum.reduceat(matrix, starts, axis=axis)
    low = np.minimum.reduceat(matrix, starts, axis=axis)
    with np.errstate(invalid="ignore"):
        return np.where(-low > high, low, high)
