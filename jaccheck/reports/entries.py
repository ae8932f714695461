"""`WorstEntry`: the entry of the Jacobians that is furthest from what it must be, with what lies around it."""

from __future__ import annotations

from math import isfinite
from typing import Annotated

from pydantic import AllowInfNan, BeforeValidator, PlainSerializer, WithJsonSchema

from jaccheck.core import PATTERNS, plain_data

TINY = 1e-30

MOST_TIMES = 1e15
"""How many times its limit a difference is told to be: beyond that the number says nothing more."""

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

    def __post_init__(self) -> None:
        tall, wide = len(self.actual), sum(count for _, count in self.parameters)
        grids = self.actual, self.expected, self.bound
        is_grid = all(len(grid) == tall and all(len(row) == wide for row in grid) for grid in grids)
        fits = 0 <= self.first_row <= self.rows - tall and 0 <= self.first_column <= self.columns - wide
        has_worst = 0 <= self.worst[0] < tall and 0 <= self.worst[1] < wide
        if not (is_grid and fits and has_worst and self.C >= 1 and all(count >= 0 for _, count in self.parameters)):
            raise ValueError(
                f"an excerpt of {tall} × {wide} entries from ({self.first_row}, {self.first_column}) on, of a matrix "
                f"of {self.rows} × {self.columns} with C = {self.C}, does not fit together"
            )


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
        return self.told("bound")

    def told(self, limit: str) -> str:
        """The entry in words, with how many others are wrong; `limit` says what it was held to: "bound", "estimate"."""
        place = f"{self.parameter}{list(self.index)}"
        actual, expected = told_apart(self.actual, self.expected)
        by = f"{self._how_far(limit)}; read from uninitialised memory" if self._is_unwritten else self._how_far(limit)
        return f"{place}: {actual} instead of {expected} ({by}); {self.wrong} of {self.entries} entries wrong"

    @property
    def _is_unwritten(self) -> bool:
        return bool({self.actual, self.expected} & PATTERNS)

    def _how_far(self, limit: str) -> str:
        if not isfinite(self.actual) or not isfinite(self.expected):
            return "not finite" if isfinite(self.expected) else "must not be finite"
        if not self.bound > 0:
            return "must be equal"
        # A bound that only allows for underflow says that the entry must be zero.
        if self.expected == 0 and self.bound < TINY * max(1.0, abs(self.actual)):
            return "must be zero"
        times = abs(self.actual - self.expected) / self.bound
        if times > MOST_TIMES:
            return f"more than {MOST_TIMES:.0e} × {limit} {self.bound:.1e}"
        return f"{times:.1e} × {limit} {self.bound:.1e}"


def told_apart(value: float, other: float, least: int = 4) -> tuple[str, str]:
    """Both numbers with as few digits, `least` or more, as show that they differ; zero without a sign."""
    value, other = value + 0.0, other + 0.0
    if value != value or other != other or value == other:
        return f"{value:.{least}g}", f"{other:.{least}g}"
    for digits in range(least, 18):
        one, two = f"{value:.{digits}g}", f"{other:.{digits}g}"
        if one != two:
            return one, two
    return repr(value), repr(other)
