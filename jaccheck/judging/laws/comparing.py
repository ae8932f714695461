"""Comparing a flat vector of entries with what it must be: cheap where it holds, detailed only where it does not."""

from __future__ import annotations

from itertools import accumulate
from math import prod

import numpy as np
import numpy.typing as npt

from jaccheck.oracle import Array, Layout
from jaccheck.reports import Excerpt, WorstEntry

EXCERPT_ROWS, EXCERPT_COLUMNS = 16, 24
"""Small enough to be drawn with every finding, and larger than most Jacobians of cases that were shrunk."""


def outside(actual: Array, expected: Array, bound: Array) -> bool:
    """Whether any entry is further from `expected` than its bound; NaN is outside unless the bound is infinite."""
    with np.errstate(invalid="ignore", over="ignore"):
        return not bool(np.all(np.abs(actual - expected) <= bound)) and bool(_wrong(actual, expected, bound).any())


def _wrong(actual: Array, expected: Array, bound: Array) -> npt.NDArray[np.bool_]:
    with np.errstate(invalid="ignore", over="ignore"):
        fine = np.abs(actual - expected) <= bound
        fine |= np.isinf(bound)
        fine |= (actual == expected) | (np.isnan(actual) & np.isnan(expected))
        return ~fine


def excess(actual: Array, expected: Array, bound: Array) -> float:
    """The largest difference in multiples of the bound, over entries whose bound is finite; infinite for NaN."""
    with np.errstate(all="ignore"):
        ratio = np.abs(actual - expected)
        ratio /= np.maximum(bound, np.finfo(np.float64).tiny)
    ratio[np.isinf(bound) | (actual == expected) | (np.isnan(actual) & np.isnan(expected))] = 0.0
    return float(np.nan_to_num(np.max(ratio, initial=0.0), nan=np.inf))


def worst_entry(layout: Layout, actual: Array, expected: Array, bound: Array) -> WorstEntry:
    """The entry furthest outside its bound, in units of the bound; NaN is the furthest of all."""
    wrong = _wrong(actual, expected, bound)
    with np.errstate(all="ignore"):
        excess = np.abs(actual - expected) / np.maximum(bound, np.finfo(np.float64).tiny)
    excess = np.where(wrong, np.nan_to_num(excess, nan=np.inf), -1.0)
    position = int(np.argmax(excess))
    parameter, index = layout.locate(position)
    return WorstEntry(
        parameter=parameter,
        index=index,
        actual=float(actual[position]),
        expected=float(expected[position]),
        bound=float(bound[position]),
        wrong=int(np.count_nonzero(wrong)),
        entries=wrong.size,
        around=excerpt(layout, parameter, index, (actual, expected, bound)),
    )


def excerpt(layout: Layout, parameter: str, index: tuple[int, ...], flats: tuple[Array, Array, Array]) -> Excerpt:
    """What lies around an entry in what is, what is expected and the bound, given as flat vectors."""
    sizes = {name: prod(shape) for name, shape in layout.shapes.items()}
    begins = dict(zip(sizes, accumulate(sizes.values(), initial=0), strict=False))
    rows, columns = layout.N * layout.C, sum(sizes.values())
    row = index[0] * layout.C + index[1]
    column = begins[parameter] + int(np.ravel_multi_index(index[2:], layout.shapes[parameter]))
    row_range, column_range = _window(row, rows, EXCERPT_ROWS), _window(column, columns, EXCERPT_COLUMNS)
    positions, shown = [], []
    for name, part in layout.offsets().items():
        inside = [c - begins[name] for c in column_range if 0 <= c - begins[name] < sizes[name]]
        if inside:
            shown.append((name, len(inside)))
            positions.append(part.start + np.array(row_range)[:, None] * sizes[name] + np.array(inside)[None, :])
    actual, expected, bound = (
        tuple(tuple(line) for line in flat[np.concatenate(positions, axis=1)].tolist()) for flat in flats
    )
    return Excerpt(
        C=layout.C,
        rows=rows,
        columns=columns,
        first_row=row_range.start,
        first_column=column_range.start,
        parameters=tuple(shown),
        actual=actual,
        expected=expected,
        bound=bound,
        worst=(row - row_range.start, column - column_range.start),
    )


def _window(middle: int, size: int, length: int) -> range:
    """At most `length` numbers below `size`, with `middle` as far inside as there is room."""
    first = max(0, min(middle - length // 2, size - length))
    return range(first, min(size, first + length))
