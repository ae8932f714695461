"""`WorstEntry`: the entry of the Jacobians that is furthest from what it must be, with what lies around it."""

from __future__ import annotations

from math import isfinite
from typing import Annotated

from pydantic import AllowInfNan, BeforeValidator, PlainSerializer, WithJsonSchema

from jaccheck.core import PATTERNS, plain_data

TINY = 1e-30

NOT_FINITE = ("NaN", "Infinity", "-Infinity")


def _in_json(value: float) -> float | str:
    """Within a union pydantic forgets how dataclasses write what is not finite, and writes null."""
    return value if isfinite(value) else "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"


# JSON has no NaN and no infinities: they are written as strings and read back by float().
Number = Annotated[
    float,
    AllowInfNan(True),
    BeforeValidator(lambda value: float(value) if value in NOT_FINITE else value),
    PlainSerializer(_in_json, when_used="json"),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"enum": list(NOT_FINITE)}]}),
]


@plain_data
class Excerpt:
    """A window of bounded size of the Jacobians as one matrix, to be drawn.

    The matrix has a row for each sample and output, row n·C + c, and a column for each number in a parameter, one
    parameter after another. `rows` and `columns` are those of the whole matrix, `parameters` the name of each
    parameter in the window with the number of columns that it has there.
    """

    C: int
    rows: int
    columns: int
    first_row: int
    first_column: int
    parameters: tuple[tuple[str, int], ...]
    actual: tuple[tuple[Number, ...], ...]
    expected: tuple[tuple[Number, ...], ...]
    bound: tuple[tuple[Number, ...], ...]
    worst: tuple[int, int]
    """Row and column, within the window, of the entry that it was made for."""


@plain_data
class WorstEntry:
    """The entry furthest outside its bound, and how many entries of how many are outside."""

    parameter: str
    index: tuple[int, ...]
    actual: Number
    expected: Number
    bound: Number
    wrong: int
    entries: int
    around: Excerpt | None = None

    @property
    def key(self) -> str:
        """How it is off, which is the same for all cases that show the same fault."""
        if not isfinite(self.actual):
            return "not finite"
        near = abs(self.expected) / 64
        guesses = {"nearly right": self.expected, "zero": 0.0, "negated": -self.expected}
        return next((name for name, value in guesses.items() if abs(self.actual - value) <= near), "another value")

    def __str__(self) -> str:
        difference = abs(self.actual - self.expected)
        # A bound that only allows for underflow says that the entry must be zero.
        must_be_equal = self.bound < TINY * max(1.0, abs(self.actual))
        by = "must be equal" if must_be_equal else f"{difference / self.bound:.1e} × bound {self.bound:.1e}"
        if {self.actual, self.expected} & PATTERNS:
            by = f"{by}; read from uninitialised memory"
        place = f"{self.parameter}{list(self.index)}"
        return (
            f"{place}: {_short(self.actual, self.expected)} instead of {_short(self.expected, self.actual)} ({by}); "
            f"{self.wrong} of {self.entries} entries wrong"
        )


def _short(value: float, other: float) -> str:
    """As few digits as tell `value` from `other`."""
    for digits in range(4, 18):
        if value != value or f"{value:.{digits}g}" != f"{other:.{digits}g}":
            return f"{value:.{digits}g}"
    return repr(value)
