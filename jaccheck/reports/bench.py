"""`BenchReport`: what `jaccheck bench` measured; plain data, JSON both ways, read without torch."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Gt

from jaccheck.core import Count, Seconds, plain_data
from jaccheck.reports.bench_comparison import BenchComparison
from jaccheck.reports.outcome import Outcome
from jaccheck.reports.race import Clock, Race, RacePlace, Regime
from jaccheck.reports.timings import Spread
from jaccheck.reports.verify import Environment

MOST_LEADERS = 5
"""That have a row, of those between which a race is not decided."""

Axis = Literal["N", "C", "width", "depth"]


@plain_data
class MethodTiming:
    """One method on one problem. `message` says why it is not ranked, or how it was judged."""

    method: str
    outcome: Outcome
    message: str = ""
    kind: str = ""
    """Its family: methods of one kind do the same work in much the same way."""
    times_slower: Annotated[float, Gt(0)] | None = None
    """Of one that was dropped before the races: at least so many times slower than the fastest, by its first calls."""
    first_calls: Count = 0
    """How many calls that was."""
    forward_passes: Count | None = None
    """Calls of the network, by whatever number of samples each."""
    backward_passes: Count | None = None
    """Runs of the autograd engine."""
    peak_bytes: Count | None = None
    """Most memory that torch held during one call beyond what it held before, the result included."""
    compile_s: Annotated[float, Gt(0)] | None = None
    """Of one that compiles: seconds of the call that did, which is in no other time."""
    fresh: Spread | None = None
    reused: Spread | None = None

    def time(self, regime: Regime) -> Spread | None:
        """Its times in a regime, or None where it was not timed."""
        return self.fresh if regime == "fresh" else self.reused


@plain_data
class BenchCell:
    """All methods on one problem: a shape in a dtype on a device. `floor` is the time that filling the memory takes.

    In fresh memory the floor is to allocate and fill, in reused memory to fill again.
    """

    shape: str
    network: str
    axis: Axis | None = None
    """What grows in the sweep that the shape belongs to, and its size there."""
    size: Count | None = None
    dtype: str
    device: str
    N: Count
    C: Count
    parameters: Count
    """Numbers in the trainable parameters."""
    jacobian_bytes: Count
    fresh_floor: Spread | None = None
    reused_floor: Spread | None = None
    methods: tuple[MethodTiming, ...]
    races: tuple[Race, ...] = ()
    """One in each kind of memory."""
    seconds: Seconds

    def floor(self, regime: Regime) -> Spread | None:
        """The floor of a regime, or None where nothing was timed."""
        return self.fresh_floor if regime == "fresh" else self.reused_floor

    def median(self, method: str, regime: Regime) -> float | None:
        """The median time of a method in seconds, or None where it was not timed."""
        times = next((m.time(regime) for m in self.methods if m.method == method), None)
        return times.median_s if times else None

    def race(self, regime: Regime) -> Race | None:
        """The race in a regime, or None where none was run."""
        return next((race for race in self.races if race.regime == regime), None)

    def rows(self, race: Race) -> tuple[RacePlace, ...]:
        """What is told of a race in a row each: the first that may be the fastest, and the best of each other kind."""
        kinds = {m.method: m.kind or m.method for m in self.methods}
        first: dict[str, RacePlace] = {}
        for place in race.places:
            first.setdefault(kinds.get(place.method, place.method), place)
        chosen = {*race.leaders[:MOST_LEADERS], *(place.method for place in first.values())}
        return tuple(place for place in race.places if place.method in chosen)

    def dropped(self) -> tuple[MethodTiming, ...]:
        """The methods that were so slow in their first calls that they took part in no race, the fastest first."""
        found = [(m.times_slower, m) for m in self.methods if m.times_slower is not None]
        return tuple(m for _, m in sorted(found, key=lambda pair: pair[0]))

    def ranked(self, regime: Regime) -> tuple[MethodTiming, ...]:
        """The methods that are right and were timed, the fastest first: in the order of the race, else by median."""
        if race := self.race(regime):
            known = {m.method: m for m in self.methods}
            return tuple(known[place.method] for place in race.places)
        timed = [(times.median_s, m) for m in self.methods if (times := m.time(regime))]
        return tuple(m for _, m in sorted(timed, key=lambda pair: pair[0]))


@plain_data
class Growth:
    """How a quantity grows with one axis: the exponent of a power law, with its 95 % confidence interval.

    `theory` is that of the number of entries of the Jacobian over the same sizes, which none can beat in the end.
    """

    method: str
    axis: Axis
    quantity: Literal["time", "memory"]
    sizes: tuple[Count, ...]
    exponent: float
    low: float
    high: float
    theory: float


@plain_data
class BenchReport:
    """Everything that a run measured."""

    kind: Literal["bench"] = "bench"
    schema_version: Literal[2] = 2
    environment: Environment
    threads: Annotated[int, Ge(1)]
    clock: Clock = "wall"
    memory: Count
    """Bytes that a call may take beyond what its process has."""
    cells: tuple[BenchCell, ...]
    growth: tuple[Growth, ...] = ()
    seconds: Seconds
    not_reached: tuple[str, ...] = ()
    """Problems for which no time was left."""
    interrupted: bool = False
    machine: str = ""
    """Its processor, and how many cores of it could be used."""
    since: BenchComparison | None = None
    """Beside an earlier report."""

    @property
    def wrong(self) -> tuple[tuple[BenchCell, MethodTiming], ...]:
        """Methods that returned something wrong, or raised what they did not announce."""
        return tuple((cell, m) for cell in self.cells for m in cell.methods if m.outcome.is_wrong)

    @property
    def has_findings(self) -> bool:
        """Whether a method was wrong, as far as the run came."""
        return bool(self.wrong)

    @property
    def found_something(self) -> bool:
        """The same; also where no result was right, and so nothing could be timed."""
        return self.has_findings or not any(m.outcome.is_usable for cell in self.cells for m in cell.methods)
