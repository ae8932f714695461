"""What a wrong result looks like as a whole: a factor, the rows of another sample, a sum over the batch, a transpose.

It is a hint in words for the search for the cause. The verdict does not depend on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isclose, prod, sqrt

import numpy as np

from jaccheck.oracle import Array, Layout

MOST_ENTRIES = 2**17
"""Larger Jacobians are not looked at, so that many failing cases cost little."""

MOST_TOLD = 3
"""Parameters that are told apart, where they do not all follow one pattern."""


def pattern_of(layout: Layout, actual: Array, expected: Array, bound: Array, roundoff: float) -> str:
    """How the wrong Jacobians follow from the right ones, in words, or an empty string.

    `roundoff` is that of the dtype: a wrong factor may round where the right one does not.
    """
    if actual.size > MOST_ENTRIES or not np.isfinite(actual).all() or not layout.N * layout.C:
        return ""
    slack = np.where(np.isfinite(bound), bound, 0.0)
    parts = [
        Part(name, layout, actual[place], expected[place], slack[place], roundoff)
        for name, place in layout.offsets().items()
    ]
    wrong = {part.name: list(part.patterns(parts)) for part in parts if part.is_wrong}
    if not wrong or not all(wrong.values()):
        return ""
    common = (words for words in next(iter(wrong.values())) if all(words in found for found in wrong.values()))
    if words := next(common, ""):
        rest = (part for part in parts if part.name not in wrong)
        return words if all(words in part.patterns(parts) for part in rest) else f"{', '.join(wrong)}: {words}"
    told = [f"{name}: {found[0]}" for name, found in wrong.items()]
    return "; ".join(told) if len(told) <= MOST_TOLD else ""


class Part:
    """The Jacobian of one parameter `(N, C, numbers)`: what it is, what it should be, and within which bound."""

    def __init__(
        self, name: str, layout: Layout, actual: Array, expected: Array, bound: Array, roundoff: float
    ) -> None:
        self.name = name
        self.shape = layout.shapes[name]
        self._rounding = 4 * roundoff
        rows = (layout.N, layout.C, prod(self.shape))
        self.actual, self.expected, self.bound = (each.reshape(rows) for each in (actual, expected, bound))

    @property
    def is_wrong(self) -> bool:
        """Whether an entry is outside its bound."""
        return bool(np.any(np.abs(self.actual - self.expected) > self.bound))

    def patterns(self, others: list[Part]) -> Iterator[str]:
        """Every pattern that it follows, the simplest first."""
        e, b = self.expected, self.bound
        if not self.actual.any():
            yield "zero"
            return
        yield from self._factor()
        yield from self._order(0, "sample")
        yield from self._order(1, "output")
        for axis, over in ((0, "samples"), (1, "outputs")):
            if e.shape[axis] > 1:
                total, slack = (np.broadcast_to(each.sum(axis=axis, keepdims=True), e.shape) for each in (e, b))
                if self._is(total, slack):
                    yield f"the sum over all {over} instead of each"
                if self._is(total / e.shape[axis], slack):
                    yield f"the mean over all {over} instead of each"
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
        yield from self._place(0, "sample")
        yield from self._place(1, "output")

    def _is(self, candidate: Array, slack: Array) -> bool:
        rounding = self._rounding * np.abs(candidate)
        return bool(np.all(np.abs(self.actual - candidate) <= self.bound + slack + rounding))

    def _factor(self) -> Iterator[str]:
        N, C, _ = self.expected.shape
        sure = np.abs(self.expected) > 4 * self.bound
        if not sure.any():
            return
        factor = float(np.median(self.actual[sure] / self.expected[sure]))
        known = {"N": N, "1/N": 1 / N, "√N": sqrt(N), "C": C, "1/C": 1 / C, "√C": sqrt(C), "1/√C": 1 / sqrt(C)}
        known |= {"√2": sqrt(2), "1/√2": 1 / sqrt(2), "1/(N·C)": 1 / (N * C)}
        # A factor that has a name is told by it, and one near a simple number as that, whatever was rounded.
        simple = next((value for value in (-1.0, *known.values()) if isclose(factor, value, rel_tol=1e-2)), factor)
        if not self._is(simple * self.expected, (1 + 3 * abs(simple)) * self.bound):
            return
        names = [name for name, value in known.items() if isclose(simple, value) and value != 1]
        called = f" ({' or '.join(names)})" if names else ""
        yield "negated" if simple == -1 else f"{simple:.3g} times what it should be{called}"

    def _order(self, axis: int, what: str) -> Iterator[str]:
        """Whether each sample, or output, has what another one should have."""
        a, e, b = (np.moveaxis(each, axis, 0) for each in (self.actual, self.expected, self.bound))
        count = len(a)
        if count < 2:
            return
        fits = np.array(
            [[bool(np.all(np.abs(a[i] - e[j]) <= b[i] + b[j])) for j in range(count)] for i in range(count)]
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
        off = np.moveaxis(np.abs(self.actual - self.expected) > self.bound, axis, 0)
        is_off = off.reshape(len(off), -1).any(axis=1)
        if len(off) > 1 and is_off.sum() == 1 and off.sum() > 1:
            yield f"only {what} {int(np.argmax(is_off))} is wrong"
        if len(off) > 2 and (~is_off).sum() == 1:
            yield f"only {what} {int(np.argmin(is_off))} is right"
