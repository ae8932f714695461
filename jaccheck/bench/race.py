"""A race: who is the fastest? The field shrinks by a paired test, so that time goes to what can still win.

PYTEST_DONT_REWRITE. In each round every method that is left is called once, in an order drawn anew. Where two methods
take the same time, this order alone decides the sign of the logarithm of their ratio, so Wilcoxon's signed-rank test is
exact whatever the noise (as in `paired.py`). After 6, 18, 42, 90, … rounds the field is looked at, and a method leaves

- by the new rounds: if it was slower in them than the method that led *before* them. For the true fastest this is one
  test a look, however many methods there are, since what it is compared with was chosen by other data. The levels
  2⁻⁶, 2⁻⁸, 2⁻¹⁰, … sum up to less than 2.1 %: so often at most is the fastest lost here;
- by all rounds: if it is slower than the one that leads now. This one was chosen by the same data, so the rest of
  the 5 % is divided by the number of all pairs and looks (Bonferroni). By the same interval a method is called level.

The first is successive elimination (Even-Dar, Mannor and Mansour, JMLR 7, 2006, section 3) with a test that assumes no
distribution. All claims of a race hold together at 95 %. Nothing here imports torch.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import exp, inf, log
from statistics import median
from time import perf_counter
from typing import Literal

from jaccheck.bench.paired import TakeTiming, shift_interval
from jaccheck.reports import RacePlace, Standing

CONFIDENCE = 0.95
MARGIN = 0.05
"""A difference within it counts as none."""

FIRST_ROUNDS = 6
"""Until the first look; fewer can reject nothing at its level."""

LOOKS = 8
"""At most; after the last one there were 1530 rounds."""

LEVELS = tuple(2.0 ** -(FIRST_ROUNDS + 2 * look) for look in range(LOOKS))
"""Of the test by new rounds, one-sided."""

Role = Literal["contender", "representative", "floor"]


@dataclass(frozen=True, slots=True)
class Entrant:
    """What takes part: a contender until it is slower, a representative in the first rounds only, the floor always."""

    name: str
    take: TakeTiming
    role: Role = "contender"


@dataclass(frozen=True, slots=True)
class Standings:
    """How a race stands after a look."""

    places: tuple[RacePlace, ...]
    times: Mapping[str, Sequence[float]]
    """Seconds of all calls of each entrant, one for each round that it took part in."""
    rounds: int


def race(
    entrants: Sequence[Entrant], seconds: float, *, seed: int = 0, clock: Callable[[], float] = perf_counter
) -> Iterator[Standings]:
    """The standings after each look; it ends when the order is decided, or the time or the looks are used up.

    The first contender is the one that is thought to lead. `seed` draws the order within rounds.
    """
    order, started = random.Random(seed), clock()
    field = _Field([e.name for e in entrants if e.role == "contender"])
    times: dict[str, list[float]] = {e.name: [] for e in entrants}
    rounds, is_over = 0, False
    for look in range(LOOKS):
        before, planned = rounds, FIRST_ROUNDS * 2**look
        while rounds < before + planned and not is_over:
            here = [
                e
                for e in entrants
                if e.role == "floor" or e.name in field.left or (look == 0 and e.role != "contender")
            ]
            order.shuffle(here)
            for entrant in here:
                times[entrant.name].append(entrant.take())
            rounds += 1
            is_over = clock() - started >= seconds
        field.look(times, before, look)
        standings = {e.name: field.standing(e.name) for e in entrants if e.role != "floor"}
        yield Standings(_places(standings, times, field.leader), times, rounds)
        if is_over or field.is_decided:
            break


class _Field:
    """The contenders that are left, who leads, and what is known of each beside the leader."""

    def __init__(self, names: Sequence[str]) -> None:
        self.left, self.leader = list(names), names[0] if names else ""
        spent = sum(LEVELS)
        pairs = max(1, len(names) * (len(names) - 1) // 2)
        self._error = (1 - CONFIDENCE - spent) / pairs / LOOKS
        self._level: set[str] = set()

    @property
    def is_decided(self) -> bool:
        """Whether each that is left is level with the leader."""
        return all(name in self._level for name in self.left if name != self.leader)

    def standing(self, name: str) -> Standing:
        """In one word; what was no contender was seen to be slower before."""
        if name not in self.left:
            return "slower"
        return "fastest" if name == self.leader else "level" if name in self._level else "open"

    def look(self, times: Mapping[str, Sequence[float]], before: int, look: int) -> None:
        """Takes those out that are slower, by the new rounds and by all; `before` rounds are old."""
        if not self.left:
            return
        new = {name: times[name][before:] for name in self.left}
        slower = {n for n in self.left if _interval(new[n], new[self.leader], 2 * LEVELS[look])[0] > 0}
        self.left = [name for name in self.left if name not in slower]
        self.leader = min(self.left, key=lambda name: median(times[name]))
        self._level = {self.leader}
        for name in [name for name in self.left if name != self.leader]:
            low, _, high = _interval(times[name], times[self.leader], self._error)
            if low > 0:
                self.left.remove(name)
            elif -log(1 + MARGIN) <= low and high <= log(1 + MARGIN):
                self._level.add(name)


def _interval(times: Sequence[float], other: Sequence[float], error: float) -> tuple[float, float, float]:
    """Of the logarithm of the ratio to the other's times, in the rounds that both took part in."""
    logs = [log(a) - log(b) for a, b in zip(times, other, strict=False)]
    return shift_interval(logs, error) if logs else (-inf, 0.0, inf)


def _places(
    standings: Mapping[str, Standing], times: Mapping[str, Sequence[float]], leader: str
) -> tuple[RacePlace, ...]:
    """The best first. All rounds that an entrant took part in are the first ones, and the leader took part in all."""
    places = []
    for name, standing in standings.items():
        if name == leader:
            places.append(RacePlace(method=name, standing=standing, rounds=len(times[name])))
        elif times[name]:
            low, ratio, high = map(exp, _interval(times[name], times[leader], 1 - CONFIDENCE))
            rounds = len(times[name])
            places.append(RacePlace(method=name, standing=standing, rounds=rounds, ratio=ratio, low=low, high=high))
    return tuple(sorted(places, key=lambda place: (place.method != leader, not place.can_be_fastest, place.ratio)))
