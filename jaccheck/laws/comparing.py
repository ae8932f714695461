"""Comparing a flat vector of entries with what it must be: cheap where it holds, detailed only where it does not."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from jaccheck.oracle import Layout
from jaccheck.oracle.arithmetic import Array
from jaccheck.verdict import WorstEntry


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
    )
