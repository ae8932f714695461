"""What a wrong result looks like as a whole: a factor, the rows of another sample, a sum over the batch, a transpose.

It is a hint in words for the search for the cause. The verdict does not depend on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isclose, prod, sqrt
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from jaccheck.oracle import Array, Layout
from jaccheck.reports import told_apart

MOST_ENTRIES = 2**17
"""Larger Jacobians are not looked at, so that many failing cases cost little."""

MOST_TOLD = 3
"""Parameters that are told apart, where they do not all follow one pattern."""

MOST_NAMES = 6
"""Parameters that are named, where they follow one pattern; of more only the number is told."""

LEAST_VALUES = 4
"""Values of different size that must be wrong before they are called a pattern: fewer fit one by chance.

A whole factor, one with a name and a change of sign need no more than one.
"""


def pattern_of(layout: Layout, actual: Array, expected: Array, bound: Array, roundoff: float) -> str:
    """How the wrong Jacobians follow from the right ones, in words, or an empty string.

    `roundoff` is that of the dtype: a wrong factor may round where the right one does not.
    """
    if actual.size > MOST_ENTRIES or not layout.N * layout.C:
        return ""
    with np.errstate(all="ignore"):
        is_decided = np.isfinite(bound) & ~(np.isnan(actual) & np.isnan(expected))
        if not np.isfinite(actual[is_decided]).all() or not np.isfinite(expected[is_decided]).all():
            return ""
        parts = [
            Part(name, layout, Entries(actual[place], expected[place], bound[place], is_decided[place]), roundoff)
            for name, place in layout.offsets().items()
        ]
        return _told(parts)


def _told(parts: list[Part]) -> str:
    wrong = {part.name: part for part in parts if part.is_wrong}
    found = {name: list(part.patterns(parts)) for name, part in wrong.items()}
    if not wrong or not all(found.values()):
        return ""
    values = len(set().union(*(part.wrong_values for part in wrong.values())))
    common = (
        one for one in next(iter(found.values())) if one.least <= values and all(one in each for each in found.values())
    )
    if pattern := next(common, None):
        rest = (part for part in parts if part.name not in wrong)
        if all(pattern in part.patterns(parts) for part in rest):
            return pattern.words
        return f"{', '.join(wrong) if len(wrong) <= MOST_NAMES else f'{len(wrong)} parameters'}: {pattern.words}"
    firsts = [
        next((f"{name}: {one.words}" for one in found[name] if one.least <= len(part.wrong_values)), "")
        for name, part in wrong.items()
    ]
    return "; ".join(firsts) if len(firsts) <= MOST_TOLD and all(firsts) else ""


class Pattern(NamedTuple):
    """How values follow from others, in words, and how many different values must be wrong before that is no chance."""

    words: str
    least: int = 1


class Entries(NamedTuple):
    """What is, what should be, within which bound, and whether it can be decided, as arrays of one shape."""

    actual: Array
    expected: Array
    bound: Array
    is_decided: npt.NDArray[np.bool_]


class Part:
    """The Jacobian of one parameter `(N, C, numbers)`: what it is, what it should be, and within which bound."""

    def __init__(self, name: str, layout: Layout, entries: Entries, roundoff: float) -> None:
        self.name = name
        self.shape = layout.shapes[name]
        self._rounding = 4 * roundoff
        rows = (layout.N, layout.C, prod(self.shape))
        self.is_decided = entries.is_decided.reshape(rows)
        actual, expected, bound = (each.reshape(rows) for each in (entries.actual, entries.expected, entries.bound))
        # What cannot be decided fits every pattern, so its values are those that cannot disturb one.
        self.actual, self.expected, self.bound = (
            np.where(self.is_decided, each, 0.0) for each in (actual, expected, bound)
        )

    @property
    def is_wrong(self) -> bool:
        """Whether an entry is outside its bound."""
        return bool(self._off.any())

    @property
    def _off(self) -> npt.NDArray[np.bool_]:
        off: npt.NDArray[np.bool_] = np.abs(self.actual - self.expected) > self.bound
        return off

    @property
    def wrong_values(self) -> set[float]:
        """The sizes that its wrong entries should have."""
        return set(np.unique(np.abs(self.expected[self._off])).tolist())

    def patterns(self, others: list[Part]) -> Iterator[Pattern]:
        """Every pattern that it follows, the simplest first."""
        if not self.actual.any():
            yield Pattern("zero")
            return
        yield from self._factor()
        for words in (*self._order(0, "sample"), *self._order(1, "output"), *self._sums(), *self._moved(others)):
            yield Pattern(words, LEAST_VALUES)
        for words in (*self._place(0, "sample"), *self._place(1, "output")):
            yield Pattern(words)

    def _sums(self) -> Iterator[str]:
        """Whether each sample, or output, has what all of them should have together."""
        e, b = self.expected, self.bound
        for axis, over in ((0, "samples"), (1, "outputs")):
            if e.shape[axis] > 1:
                total, slack = (np.broadcast_to(each.sum(axis=axis, keepdims=True), e.shape) for each in (e, b))
                if self._is(total, slack):
                    yield f"the sum over all {over} instead of each"
                if self._is(total / e.shape[axis], slack):
                    yield f"the mean over all {over} instead of each"

    def _moved(self, others: list[Part]) -> Iterator[str]:
        """Whether entries are those of other places."""
        e, b = self.expected, self.bound
        if min(e.shape[:2]) > 1:
            swapped, slack = (each.swapaxes(0, 1).reshape(e.shape) for each in (e, b))
            if self._is(swapped, slack):
                yield "samples and outputs are exchanged"
        if len(self.shape) == 2 and min(self.shape) > 1:
            turned, slack = (each.reshape(*e.shape[:2], *self.shape).swapaxes(2, 3).reshape(e.shape) for each in (e, b))
            if self._is(turned, slack):
                yield "transposed"
        for other in others:
            if other is not self and other.expected.shape == e.shape and self._is(other.expected, other.bound):
                yield f"the Jacobian of {other.name}"

    def _is(self, candidate: Array, slack: Array) -> bool:
        rounding = self._rounding * np.abs(candidate)
        near = np.abs(self.actual - candidate) <= self.bound + slack + rounding
        return bool(np.all(near | ~self.is_decided))

    def _factor(self) -> Iterator[Pattern]:
        N, C, _ = self.expected.shape
        sure = np.abs(self.expected) > 4 * self.bound
        if not sure.any():
            return
        factor = float(np.median(self.actual[sure] / self.expected[sure]))
        known = {"N": N, "1/N": 1 / N, "√N": sqrt(N), "C": C, "1/C": 1 / C, "√C": sqrt(C), "1/√C": 1 / sqrt(C)}
        known |= {"√2": sqrt(2), "1/√2": 1 / sqrt(2), "1/(N·C)": 1 / (N * C)}
        # A factor that has a name is told by it, and one near a simple number as that, whatever was rounded.
        near = [value for value in (-1.0, *known.values()) if value != 1 and isclose(factor, value, rel_tol=1e-2)]
        fits = (
            one
            for one in (*near, factor)
            if self._is(one * self.expected, (1 + 3 * abs(one)) * self.bound) and one != 1
        )
        simple = next(fits, None)
        if simple is None:
            return
        names = [name for name, value in known.items() if isclose(simple, value)]
        if simple == -1:
            yield Pattern("negated")
            return
        called = f" ({' or '.join(names)})" if names else ""
        words = f"{told_apart(simple, 1.0, 3)[0]} times what it should be{called}"
        yield Pattern(words, 1 if names or simple == round(simple) else LEAST_VALUES)

    def _order(self, axis: int, what: str) -> Iterator[str]:
        """Whether each sample, or output, has what another one should have."""
        a, e, b = (np.moveaxis(each, axis, 0) for each in (self.actual, self.expected, self.bound))
        d = np.moveaxis(self.is_decided, axis, 0)
        count = len(a)
        if count < 2:
            return
        fits = np.array(
            [[bool(np.all((np.abs(a[i] - e[j]) <= b[i] + b[j]) | ~d[i])) for j in range(count)] for i in range(count)]
        )
        if not fits.any(axis=1).all():
            return
        places = np.arange(count)
        named = {
            f"each {what} has the Jacobian of the one before": np.roll(places, 1),
            f"each {what} has the Jacobian of the next": np.roll(places, -1),
            f"{what}s in reverse order": places[::-1],
            **{f"every {what} has the Jacobian of {what} {j}": np.full(count, j) for j in (0, count - 1)},
        }
        for words, order in named.items():
            if fits[places, order].all():
                yield words
                return
        yield f"{what}s have the Jacobians of {what}s {[int(each) for each in fits.argmax(axis=1)]}"

    def _place(self, axis: int, what: str) -> Iterator[str]:
        """Whether only one of several samples or outputs is wrong."""
        off = np.moveaxis(self._off, axis, 0)
        is_off = off.reshape(len(off), -1).any(axis=1)
        if len(off) > 1 and is_off.sum() == 1 and off.sum() > 1:
            yield f"only {what} {int(np.argmax(is_off))} is wrong"
        if len(off) > 2 and (~is_off).sum() == 1:
            yield f"only {what} {int(np.argmin(is_off))} is right"
