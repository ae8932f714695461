"""Times as they stand in reports: plain data, read without torch."""

from __future__ import annotations

from enum import StrEnum
from math import inf, log
from typing import Annotated

from annotated_types import Ge, Gt, Lt

from jaccheck.core import Seconds, plain_data
from jaccheck.reports.entries import Number

Limit = Annotated[Number, Ge(0)]
"""Also infinite."""


@plain_data
class Spread:
    """Where the times of one call lie, in seconds; `low_s` to `high_s` is the 95 % confidence interval of the median.

    With fewer than six samples no interval has that confidence; it then reaches from 0 to infinity.
    """

    samples: Annotated[int, Ge(1)]
    median_s: Seconds
    low_s: Seconds
    high_s: Limit
    lower_quartile_s: Seconds
    upper_quartile_s: Seconds
    shortest_s: Seconds


FEW = 6
"""With fewer samples there is no interval of 95 %."""


def spread_text(spread: Spread) -> str:
    """How far the interval of a time reaches, at the longer side: `±3%`, `±½+` above half, `?` where there is none."""
    if spread.low_s == 0 or spread.median_s == 0:
        return "?"
    reach = max(1 - spread.low_s / spread.median_s, spread.high_s / spread.median_s - 1)
    # More than half is as good as unknown, and other digits would only look as if they said something.
    return f"±{reach:.0%}" if reach < 0.5 else "±½+"


class Answer(StrEnum):
    """What a paired comparison says of the candidate, beside the base."""

    FASTER = "faster"
    SLOWER = "slower"
    SAME = "same"
    UNDECIDED = "undecided"

    @property
    def sentence(self) -> str:
        """What the answer claims, in one sentence."""
        return _SENTENCES[self]


_SENTENCES = {
    Answer.FASTER: "The candidate takes less time: the interval lies below 1 and the estimate beyond the margin.",
    Answer.SLOWER: "The candidate takes more time: the interval lies above 1 and the estimate beyond the margin.",
    Answer.SAME: "The difference is within the margin: the whole interval lies inside it.",
    Answer.UNDECIDED: "The budget was spent before the interval was narrow enough to say.",
}


@plain_data
class PairedTiming:
    """How a candidate's time compares with a base's; `low` to `high` is the confidence interval of `ratio`.

    `ratio` is candidate / base. The confidence holds for the whole comparison, however many looks it took.
    """

    answer: Answer
    ratio: Annotated[float, Gt(0)]
    low: Annotated[float, Ge(0)]
    high: Limit
    confidence: Annotated[float, Gt(0), Lt(1)]
    margin: Annotated[float, Gt(0)]
    blocks: Annotated[int, Ge(1)]
    """Each of two timings of the base and two of the candidate."""
    looks: Annotated[int, Ge(1)]
    seconds: Seconds

    @property
    def log_interval(self) -> tuple[float, float]:
        """The interval of the logarithm of the ratio."""
        return log(self.low) if self.low else -inf, log(self.high)
