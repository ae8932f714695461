"""`compare`: in what a result differs from what it must be; cheap where it does not, detailed only where it does."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import accumulate
from math import prod

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from jaccheck.judging.autograd import flattened
from jaccheck.judging.pattern import pattern_of
from jaccheck.judging.reference import Expectation
from jaccheck.methods import made_on
from jaccheck.oracle import Array, Layout, arithmetic
from jaccheck.reports import Excerpt, WorstEntry, WrongEntry, WrongStructure

PLAIN = frozenset({Tensor, nn.Parameter})
"""The types of a result; what is of another one may run code of its own when it is read, and say what it likes."""

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
    return looked_at(actual, expectation).difference


@dataclass(frozen=True, slots=True)
class Judged:
    """In what values are not as expected, or how many entries stick out and are not known to be wrong."""

    difference: Difference | None = None
    undecided: int = 0


def looked_at(actual: Array, expectation: Expectation) -> Judged:
    """What is to be said of a result; where an estimate is exceeded, after a second look."""
    e, hint = expectation, ""
    if not outside(actual, e.expected, e.bound):
        return Judged()
    if e.look is not None:
        looked = e.look(actual, e.bound, _wrong(actual, e.expected, e.bound))
        if not looked.is_wrong:
            return Judged(undecided=looked.undecided)
        e, hint = replace(e, bound=looked.wrong), looked.hint
    worst = worst_entry(e.layout, actual, e.expected, e.bound)
    hint = hint or pattern_of(e.layout, actual, e.expected, e.bound, arithmetic(e.dtype).u)
    return Judged(Difference(worst=worst, hint=hint))


def structural_difference(
    layout: Layout, dtype: str | Mapping[str, str], device: str, found: object
) -> WrongStructure | None:
    """What is wrong with the structure of a result, or None; `dtype` is one for all parameters, or each by its name."""
    if type(found) not in (dict, OrderedDict, defaultdict):
        return WrongStructure(aspect="type", actual=type(found).__name__, expected="a dict of tensors")
    assert isinstance(found, dict)
    kinds = set(map(type, found.values()))
    if not all(issubclass(kind, Tensor) for kind in kinds):
        name, value = next((name, value) for name, value in found.items() if not isinstance(value, Tensor))
        own, is_array = f"{type(value).__module__}.{type(value).__qualname__}", isinstance(value, np.ndarray)
        helps = " (torch.from_numpy makes one of an array)" if is_array else ""
        actual = f"a dict in which {name!r:.80} is a {own.removeprefix('builtins.')}{helps}"
        return WrongStructure(aspect="type", actual=actual, expected="a dict of tensors")
    place, plain = made_on(device)
    for kind in kinds:
        if kind not in PLAIN and kind is not plain:
            own = f"a dict with a {kind.__module__}.{kind.__qualname__}"
            return WrongStructure(aspect="type", actual=own, expected="a dict of plain tensors, of no subclass")
    with torch._C.DisableTorchFunctionSubclass():
        return _structural_difference(layout, dtype, place, found)


def _structural_difference(
    layout: Layout, dtype: str | Mapping[str, str], place: torch.device, found: dict[str, Tensor]
) -> WrongStructure | None:
    if list(found) != list(layout.shapes):
        names = f"Jacobians of {list(found)}"
        return WrongStructure(aspect="names", actual=names, expected=str(list(layout.shapes)))
    for name, jacobian in found.items():
        shape = (layout.N, layout.C, *layout.shapes[name])
        if tuple(jacobian.shape) != shape:
            own = str(tuple(jacobian.shape))
            return WrongStructure(aspect="shape", parameter=name, actual=own, expected=f"(N, C, *θ.shape) = {shape}")
        kind = getattr(torch, dtype if isinstance(dtype, str) else dtype[name])
        if jacobian.dtype != kind:
            return WrongStructure(aspect="dtype", parameter=name, actual=str(jacobian.dtype), expected=str(kind))
        if jacobian.device != place or jacobian.layout != torch.strided:
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
