"""`Race`: the order of methods on one problem, how it was decided, and what was not; plain data."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Lt

from jaccheck.core import Count, plain_data
from jaccheck.reports.timings import Limit

Regime = Literal["fresh", "reused"]
"""Memory of the result: fresh from the system for every call, or there already and used again."""

REGIMES: tuple[Regime, ...] = ("fresh", "reused")

Clock = Literal["wall", "cpu"]
"""What is read before and after a call: the clock on the wall, or the time that the process had processors for."""

Standing = Literal["fastest", "level", "open", "slower"]
"""Beside the fastest: it is the fastest, within the margin of it, not decided, or slower."""


@plain_data
class RacePlace:
    """Where a method came in: its time is `ratio` times that of the first, in the rounds that both took part in.

    `low` to `high` is the 95 % interval of this ratio alone, from 0 to infinity where there were too few rounds.
    """

    method: str
    standing: Standing
    rounds: Count
    """In which it took part: one call in each."""
    ratio: Annotated[float, Gt(0)] = 1.0
    low: Annotated[float, Ge(0)] = 1.0
    high: Limit = 1.0

    @property
    def can_be_fastest(self) -> bool:
        """Whether it has not been shown to be slower than another."""
        return self.standing != "slower"


@plain_data
class Race:
    """Methods in rounds, in an order drawn anew for each; what is slower leaves.

    At the end the first is one that none was shown to be faster than.
    """

    regime: Regime
    places: tuple[RacePlace, ...]
    """The methods that took part, the fastest first."""
    rounds: Count
    confidence: Annotated[float, Gt(0), Lt(1)]
    """That all claims hold together: no method was called slower that is the fastest, and every order is right."""
    margin: Annotated[float, Gt(0)]
    """A difference within it counts as none."""
    dropped: dict[str, float] = field(default_factory=dict)
    """Methods that took part in no round: at least so many times slower by two calls before the first."""
    untimed: tuple[str, ...] = ()
    """Methods for which no time was left."""

    @property
    def is_decided(self) -> bool:
        """Whether it is known which method is the fastest, or which are equally fast."""
        return bool(self.places) and not self.untimed and all(place.standing != "open" for place in self.places)

    @property
    def leaders(self) -> tuple[str, ...]:
        """The methods that may be the fastest, the likeliest first."""
        return tuple(place.method for place in self.places if place.can_be_fastest)
