"""How time and memory grow along each axis: a power law fitted to the points of a sweep, told where it is known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import get_args

import numpy as np
from scipy.stats import linregress, t

from jaccheck.reports import Axis, BenchCell, Growth

LEAST_POINTS = 5
"""From four the interval of an exponent is so wide that it says nothing."""

WIDEST = 0.2
"""Half of an interval that still says something: whether the time grows in proportion to the size."""


def growth_of(cells: Iterable[BenchCell]) -> tuple[Growth, ...]:
    """The growth of methods along each axis that was swept, in reused memory, where it is known to within `WIDEST`."""
    swept = [cell for cell in cells if cell.axis and cell.size]
    found: list[Growth] = []
    for axis in get_args(Axis):
        points = sorted((cell for cell in swept if cell.axis == axis), key=lambda cell: cell.size or 0)
        for name in dict.fromkeys(m.method for cell in points for m in cell.methods):
            found += _fits(name, axis, points)
    return tuple(found)


def _fits(name: str, axis: Axis, points: Sequence[BenchCell]) -> Iterable[Growth]:
    """Of time and of memory, where there are enough points."""
    timed = [(cell, seconds) for cell in points if (seconds := cell.median(name, "reused"))]
    held = [(cell, m.peak_bytes) for cell in points for m in cell.methods if m.method == name and m.peak_bytes]
    for quantity, values in (("time", timed), ("memory", held)):
        if len(values) >= LEAST_POINTS:
            found = fit(name, axis, quantity, values)
            if found.high - found.low <= 2 * WIDEST:
                yield found


def fit(name: str, axis: Axis, quantity: str, points: Sequence[tuple[BenchCell, float]]) -> Growth:
    """The exponent by least squares of the logarithms, with the interval of Student's t."""
    sizes = [cell.size or 0 for cell, _ in points]
    x = np.log(sizes)
    line = linregress(x, np.log([value for _, value in points]))
    # Where all values are the same, its error comes as NaN: the correlation is 0 / 0.
    half = float(t.ppf(0.975, len(points) - 2) * np.nan_to_num(line.stderr))
    return Growth(
        method=name,
        axis=axis,
        quantity=quantity,  # type: ignore[arg-type]
        sizes=tuple(sizes),
        exponent=float(line.slope),
        low=float(line.slope - half),
        high=float(line.slope + half),
        theory=float(linregress(x, np.log([cell.jacobian_bytes for cell, _ in points])).slope),
    )
