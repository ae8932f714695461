"""`BenchComparison`: the times of a report beside those of an earlier one; plain data."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Gt

from jaccheck.core import Seconds, plain_data
from jaccheck.reports.race import Regime
from jaccheck.reports.timings import Answer, Limit


@plain_data
class TimeChange:
    """A method's time now and before, on the same problem in the same kind of memory. `floor` is that of the memory.

    `ratio` is now / before, within `low` to `high`: the outermost ratios of the two 95 % intervals.
    """

    problem: str
    regime: Regime
    method: str
    before_s: Seconds
    now_s: Seconds
    ratio: Annotated[float, Gt(0)]
    low: Annotated[float, Ge(0)]
    high: Limit
    answer: Answer
    floor_ratio: Annotated[float, Gt(0)] | None = None
    """The time of filling the memory, now / before: what the machine itself does to such a ratio."""


@plain_data
class BenchComparison:
    """What became faster or slower since the report at `path`."""

    path: str
    differences: tuple[str, ...]
    """In what the two runs differ but for the times: machine, versions, threads."""
    changes: tuple[TimeChange, ...]
