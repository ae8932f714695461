"""`Slice`: some rows of the Jacobians from both sides; `assemble` makes one picture of a stream of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import Literal

import numpy as np

from jaccheck.errors import InvalidRequest
from jaccheck.oracle import Layout
from jaccheck.rendering import Array, Entry, Grid, Panel, Picture, Size, colour_limit, grid_of
from jaccheck.reports import TINY

Unit = Literal["bounds", "exact", "none"]
"""A difference in bounds; a plain one, which must be zero; a plain one of which nothing is proven."""


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """Samples and outputs from `first` on, as many as `layout` has; `sides` are one or two flat Jacobians there."""

    first: tuple[int, int]
    layout: Layout
    sides: tuple[Array, ...]
    bound: Array
    """On the difference of the sides."""
    unit: Unit

    def rows(self, flat: Array) -> Array:
        """A flat vector as rows of the matrix `(N·C, numbers in all θ)`."""
        parts = [flat[part].reshape(self.layout.N * self.layout.C, -1) for part in self.layout.offsets().values()]
        return np.concatenate(parts, axis=1)

    def pool(self, grid: Grid, cells: Array, flat: Array) -> None:
        """Takes a flat vector into the cells of a map, sample by sample: there may be some outputs of each."""
        rows, C = self.rows(flat), self.layout.C
        for n in range(self.layout.N):
            first_row = (self.first[0] + n) * grid.C + self.first[1]
            grid.pool(cells, rows[n * C : (n + 1) * C], first_row)

    def difference(self) -> Array:
        """What the first side has more than the second; the same NaN or infinity on both sides is no difference."""
        left, right = self.sides
        with np.errstate(all="ignore"):
            off = left - right
            off[(left == right) | (np.isnan(left) & np.isnan(right))] = 0.0
            if self.unit == "bounds":
                # Where the bound is infinite nothing can be wrong; where it is zero, everything but zero is.
                off = np.where((off == 0) | np.isinf(self.bound), 0.0, off / self.bound)
        return off


class _Differences:
    """The difference of two sides over all slices: the map, the worst entry, how many are beyond what is allowed."""

    def __init__(self, grid: Grid) -> None:
        self.cells = grid.blank()
        self.unit: Unit = "none"
        self.worst: Entry | None = None
        self.wrong = 0
        self._grid = grid
        self._largest = 0.0

    def add(self, each: Slice) -> None:
        """Takes the difference of one slice in."""
        self.unit = each.unit
        off = each.difference()
        each.pool(self._grid, self.cells, off)
        size = np.nan_to_num(np.abs(off), nan=inf, posinf=inf)
        self.wrong += int(np.count_nonzero(size > (1.0 if each.unit == "bounds" else 0.0)))
        position = int(np.argmax(size))
        if size[position] > self._largest:
            self._largest = float(size[position])
            self.worst = self._entry(each, position, float(off[position]))

    def _entry(self, each: Slice, position: int, difference: float) -> Entry:
        parameter, (n, c, *index) = each.layout.locate(position)
        n, c = n + each.first[0], c + each.first[1]
        left, right = (float(side[position]) for side in each.sides)
        return Entry(
            parameter=parameter,
            index=(n, c, *index),
            values=(left, right),
            difference=difference,
            cell=self._grid.cell_of(parameter, (n, c, *index)),
        )

    def note(self, names: Sequence[str]) -> str:
        """What came of the comparison, in one line."""
        entries = self._grid.N * self._grid.C * self._grid.width
        beyond = f"{self.wrong:,} of {entries:,} entries"
        match self.unit, self.worst:
            case "exact", None:
                return "no operation rounds here, so both must be equal: they are"
            case "exact", Entry() as worst:
                return f"no operation rounds here, so both must be equal: {beyond} differ, most at {worst.told(names)}"
            case _, None:
                return "equal in every entry"
            case "bounds", worst:
                verdict = f"{beyond} beyond" if self.wrong else "all within"
                return f"{_how_far(worst, self._largest)}, at {worst.told(names)}; {verdict}"
            case _, worst:
                return f"largest difference {self._largest:.2g}, at {worst.told(names)}"

    def panel(self) -> Panel:
        """The map of it."""
        if self.unit == "bounds":
            return Panel(title="difference ÷ bound", kind="bounds", values=self.cells, limit=1.0)
        return Panel(title="difference", kind="difference", values=self.cells, limit=colour_limit(self.cells))


def _how_far(worst: Entry, times: float) -> str:
    if not all(map(isfinite, worst.values)):
        return "a difference that is no number"
    if times > 1 / TINY:  # a bound that is zero, or only allows for underflow
        return "largest difference where both must be equal"
    return f"largest difference {times:.2g} × bound"


def assemble(
    title: str,
    shape: tuple[int, int, dict[str, tuple[int, ...]]],
    names: Sequence[str],
    slices: Iterable[Slice],
    size: Size | None,
) -> Picture:
    """The picture of Jacobians of this N, C and parameters, whose one or two sides have these names."""
    N, C, shapes = shape
    if not N * C:
        raise InvalidRequest(f"the Jacobians are of {N} samples and {C} outputs: there is nothing to draw")
    grid = grid_of(N, C, shapes, size or Size())
    maps = [grid.blank() for _ in names]
    differences = _Differences(grid)
    for each in slices:
        for cells, flat in zip(maps, each.sides, strict=True):
            each.pool(grid, cells, flat)
        if len(names) > 1:
            differences.add(each)
    limit = colour_limit(*maps)
    panels = [Panel(title=n, kind="jacobian", values=v, limit=limit) for n, v in zip(names, maps, strict=True)]
    notes = [grid.reduction] if grid.reduction else []
    if len(names) > 1:
        panels.append(differences.panel())
        notes.insert(0, differences.note(names))
    return Picture(title=title, notes=tuple(notes), grid=grid, panels=tuple(panels), worst=differences.worst)
