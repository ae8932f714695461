"""What was found of one method on one case: `Verdict`, made of `Comparison`s and `Breach`es."""

from __future__ import annotations

import re
from math import isfinite
from typing import Annotated, Literal

from pydantic import AllowInfNan, BeforeValidator, WithJsonSchema

from jaccheck.core import PATTERNS, html_table, plain_data
from jaccheck.reports.outcome import GRAVEST_FIRST, Outcome

TINY = 1e-30

TEST_RATIO_LIMITS = (0.0, *(2.0**exponent for exponent in range(-10, 1)))
"""Where each bin of a histogram of `Comparison.test_ratio` ends; one more bin holds what lies outside its bound."""

Mode = Literal["exact", "bound", "estimate"]
Source = Literal["closed form", "autograd", "float64 autograd"]
# JSON has no NaN and no infinities: they are written as strings and read back by float().
Number = Annotated[
    float,
    AllowInfNan(True),
    BeforeValidator(lambda value: float(value) if value in ("NaN", "Infinity", "-Infinity") else value),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]}),
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


@plain_data
class Comparison:
    """One comparison of all Jacobians of a case with a reference."""

    reference: Source
    mode: Mode
    entries: int
    nonzero: int
    undecided: int
    test_ratio: Number = 0.0
    """The largest difference as a multiple of its bound, 1 being the limit; 0 where equality decides."""


@plain_data
class Breach:
    """One law that did not hold."""

    law: str
    outcome: Outcome
    message: str
    worst: WorstEntry | None = None

    @property
    def symptom(self) -> str:
        """What tells faults under the same law apart: how the worst entry is off, else the words of the message."""
        if self.worst is None:
            return " ".join(sorted(set(re.findall(r"[A-Za-z_]{4,}", self.message.removesuffix(" more")))))
        actual, expected = self.worst.actual, self.worst.expected
        if not isfinite(actual):
            return "not finite"
        near = abs(expected) / 64
        candidates = {"nearly right": expected, "zero": 0.0, "negated": -expected}
        return next((name for name, value in candidates.items() if abs(actual - value) <= near), "another value")


@plain_data
class Verdict:
    """The judgement on one method, one case, one device; `breaches` is empty unless something was found."""

    method: str
    device: str
    outcome: Outcome
    message: str = ""
    comparisons: tuple[Comparison, ...] = ()
    breaches: tuple[Breach, ...] = ()
    known: tuple[str, ...] = ()
    """The known issues, by id, that explain breaches which are therefore left out."""
    seconds: float = 0.0
    """Time inside the method."""

    @property
    def gravest(self) -> Outcome:
        """The worst outcome among the breaches, or the verdict's own where there are none."""
        found = {breach.outcome for breach in self.breaches}
        return next((outcome for outcome in GRAVEST_FIRST if outcome in found), self.outcome)

    def _repr_html_(self) -> str:
        rows = [(breach.law, str(breach.outcome), breach.message) for breach in self.breaches]
        rows += [("", "listed", f"jaccheck known {known}") for known in self.known]
        compared = [
            f"{c.entries:,} entries compared with {c.reference}: "
            f"{'must be equal' if c.mode == 'exact' else 'by bound'}, {c.undecided:,} undecided"
            for c in self.comparisons
        ]
        headline = f"{self.method} on {self.device}: {self.outcome}"
        reason = [self.message] if self.message and not self.breaches else []
        return html_table(
            headline, ("law", "outcome", "what was seen"), rows, self.outcome.sentence, *reason, *compared
        )
