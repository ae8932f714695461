"""Times as they stand in reports: plain data, read without torch."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge

from jaccheck.plain import plain_data

Seconds = Annotated[float, Ge(0)]


@plain_data
class Spread:
    """Where the times of one call lie, in seconds; `low_s` to `high_s` is the 95 % confidence interval of the median.

    With fewer than six samples no interval has that confidence; it then reaches from 0 to infinity.
    """

    samples: Annotated[int, Ge(1)]
    median_s: Seconds
    low_s: Seconds
    high_s: Seconds
    lower_quartile_s: Seconds
    upper_quartile_s: Seconds
    shortest_s: Seconds
