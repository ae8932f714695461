"""`compare`: in what a result differs from what it must be; cheap where it does not, detailed only where it does."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from math import prod

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from jaccheck.judging.autograd import flattened
from jaccheck.judging.pattern import pattern_of
from jaccheck.judging.reference import Expectation
from jaccheck.oracle import Array, Layout, arithmetic
from jaccheck.reports import Excerpt, WorstEntry, WrongEntry, WrongStructure

EXCERPT_ROWS, EXCERPT_COLUMNS = 16, 24
"""Small enough to be drawn with every finding, and larger than most Jacobians of cases that were shrunk."""


@dataclass(frozen=True, slots=True)
class Difference:
    """In what a result is not as expected: its structure, or else the entry furthest outside its bound."""

    structure: WrongStructure | None = None
    worst: WorstEntry | None = None
    hint: str = ""
    """How the wrong values follow from the right ones, in words, where they follow a pattern."""

    @property
    def detail(self) -> WrongStructure | WrongEntry:
        """The same as the detail of a failure."""
        if self.structure:
            return self.structure
        assert self.worst is not None
        return WrongEntry(worst=self.worst, pattern=self.hint)


def compare(result: object, expectation: Expectation) -> Difference | None:
    """In what a result differs from what is expected, or None; values are looked at where the structure is right."""
    if fault := structural_difference(expectation.layout, expectation.dtype, expectation.device, result):
        return Difference(structure=fault)
    assert isinstance(result, dict)
    return compare_values(flattened(result), expectation)


def compare_values(actual: Array, expectation: Expectation) -> Difference | None:
    """The same for the values of a result as one flat vector."""
    e = expectation
    if not outside(actual, e.expected, e.bound):
        return None
    worst = worst_entry(e.layout, actual, e.expected, e.bound)
    return Difference(worst=worst, hint=pattern_of(e.layout, actual, e.expected, e.bound, arithmetic(e.dtype).u))


def structural_difference(layout: Layout, dtype: str, device: str, found: object) -> WrongStructure | None:
    """What is wrong with the structure of a result, or None."""
    if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()):
        return WrongStructure(aspect="type", actual=type(found).__name__, expected="a dict of tensors")
    if list(found) != list(layout.shapes):
        names = f"Jacobians of {list(found)}"
        return WrongStructure(aspect="names", actual=names, expected=str(list(layout.shapes)))
    kind, place = getattr(torch, dtype), torch.device(device)
    for name, jacobian in found.items():
        shape = (layout.N, layout.C, *layout.shapes[name])
        if tuple(jacobian.shape) != shape:
            own = str(tuple(jacobian.shape))
            return WrongStructure(aspect="shape", parameter=name, actual=own, expected=f"(N, C, *θ.shape) = {shape}")
        if jacobian.dtype != kind:
            return WrongStructure(aspect="dtype", parameter=name, actual=str(jacobian.dtype), expected=str(kind))
        if jacobian.device.type != place.type or jacobian.layout != torch.strided:
            own, right = f"{jacobian.layout} on {jacobian.device}", f"{torch.strided} on {place}"
            return WrongStructure(aspect="storage", parameter=name, actual=own, expected=right)
    return None


def outside(actual: Array, expected: Array, bound: Array) -> bool:
    """Whether any entry is further from `expected` than its bound; NaN is outside unless the bound is infinite."""
    return not bool(_is_near(actual, expected, bound).all()) and bool(_wrong(actual, expected, bound).any())


def _is_near(actual: Array, expected: Array, bound: Array) -> npt.NDArray[np.bool_]:
    with np.errstate(invalid="ignore", over="ignore"):
        off = actual - expected
        # In place, since memory that is asked for anew costs more than the arithmetic.
        np.abs(off, out=off)
        near: npt.NDArray[np.bool_] = off <= bound
    return near


def _wrong(actual: Array, expected: Array, bound: Array) -> npt.NDArray[np.bool_]:
    fine = _is_near(actual, expected, bound)
    fine |= np.isinf(bound)
    fine |= (actual == expected) | (np.isnan(actual) & np.isnan(expected))
    return ~fine


def largest_test_ratio(actual: Array, expected: Array, bound: Array) -> float:
    """The largest difference in multiples of the bound, over entries whose bound is finite; infinite for NaN."""
    ratio = _test_ratios(actual, expected, bound)
    ratio[np.isinf(bound) | (actual == expected) | (np.isnan(actual) & np.isnan(expected))] = 0.0
    return float(np.nan_to_num(np.max(ratio, initial=0.0), nan=np.inf))


def _test_ratios(actual: Array, expected: Array, bound: Array) -> Array:
    with np.errstate(all="ignore"):
        ratios: Array = np.abs(actual - expected)
        ratios /= np.maximum(bound, np.finfo(np.float64).tiny)
    return ratios


def worst_entry(layout: Layout, actual: Array, expected: Array, bound: Array) -> WorstEntry:
    """The entry furthest outside its bound, in units of the bound; NaN is the furthest of all."""
    wrong = _wrong(actual, expected, bound)
    ratios = np.where(wrong, np.nan_to_num(_test_ratios(actual, expected, bound), nan=np.inf), -1.0)
    position = int(np.argmax(ratios))
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
