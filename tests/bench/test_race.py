"""A race keeps the fastest as often as it says, finds what is slower, and says where it does not know."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from math import exp, inf, sin

import pytest
from scipy.stats import binomtest

from jaccheck.bench import race as racing
from jaccheck.bench.race import FIRST_ROUNDS, LEVELS, Entrant, race


@dataclass
class Machine:
    """Simulated: its time passes only in calls, which have outliers, a drift and a slow wave."""

    seed: int
    now: float = 0.0
    calls: int = 0
    noise: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.noise = random.Random(self.seed)

    def timings(self, seconds: float) -> Callable[[], float]:
        def take() -> float:
            self.calls += 1
            outlier = self.noise.expovariate(1) if self.noise.random() < 0.1 else 0.0
            log = 0.05 * self.noise.gauss(0, 1) + outlier + 0.0005 * self.calls + 0.2 * sin(self.calls / 30)
            took = seconds * exp(log)
            self.now += took
            return took

        return take


def ended(factors: list[float], seed: int, seconds: float = inf) -> dict[str, str]:
    """What is said in the end of methods `0`, `1`, … that take so many times a second; their order is drawn."""
    machine = Machine(seed)
    entrants = [Entrant(str(i), machine.timings(factor)) for i, factor in enumerate(factors)]
    random.Random(seed).shuffle(entrants)
    *_, last = race(entrants, seconds, seed=seed, clock=lambda: machine.now)
    return {place.method: place.standing for place in last.places}


FIELDS = {
    "few": [1.0, 1.02, 1.5, 3.0],
    "equal": [1.0] * 6,
    "close": [1.0] + [1.005] * 8,
}


@pytest.mark.parametrize(
    "factors", [FIELDS["few"], *(pytest.param(FIELDS[n], marks=pytest.mark.full) for n in ("equal", "close"))]
)
def test_the_fastest_is_lost_as_rarely_as_promised(factors: list[float]) -> None:
    """Of 100 races no more than 5 % call the fastest slower, where all are equal too."""
    lost = sum(ended(factors, seed)["0"] == "slower" for seed in range(100))
    assert binomtest(lost, 100, 0.05, alternative="greater").pvalue > 1e-3


def test_without_paying_for_many_looks_it_would_be_lost_more_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a level of a tenth at each look the promise does not hold, and the test above would say so."""
    monkeypatch.setattr(racing, "LEVELS", (0.1,) * len(LEVELS))
    monkeypatch.setattr(racing, "CONFIDENCE", 0.1)
    lost = sum(ended([1.0] * 6, seed)["0"] == "slower" for seed in range(40))
    assert binomtest(lost, 40, 0.05, alternative="greater").pvalue < 1e-3


def test_a_method_that_is_a_tenth_slower_is_found_out() -> None:
    """In each of twenty races, beside one that is as fast, which is called so."""
    for seed in range(20):
        found = ended([1.0, 1.1, 1.0, 1.4], seed)
        assert found["1"] == found["3"] == "slower"
        assert {found["0"], found["2"]} <= {"fastest", "level"}


def test_gross_differences_take_six_rounds() -> None:
    """Two methods leave at the first look, and the race is over: six calls each."""
    machine = Machine(0)
    entrants = [Entrant(name, machine.timings(s)) for name, s in (("a", 1.0), ("b", 5.0), ("c", 9.0))]
    (only,) = race(entrants, inf, clock=lambda: machine.now)
    assert (only.rounds, machine.calls) == (FIRST_ROUNDS, 3 * FIRST_ROUNDS)
    assert [place.method for place in only.places] == ["a", "b", "c"]
    assert all(place.low <= ratio <= place.high for place, ratio in zip(only.places, (1, 5, 9), strict=True))


def test_little_time_decides_nothing() -> None:
    """What is left open is said to be open, with an interval that says nothing."""
    machine = Machine(0)
    entrants = [Entrant(name, machine.timings(s)) for name, s in (("a", 1.0), ("b", 9.0))]
    (only,) = race(entrants, 15.0, clock=lambda: machine.now)
    assert only.rounds < FIRST_ROUNDS
    assert [(p.standing, p.low, p.high) for p in only.places] == [("fastest", 1, 1), ("open", 0, inf)]


def test_who_cannot_win_takes_part_in_the_first_rounds_only() -> None:
    """The floor does in all; neither is ever asked whether it is faster."""
    machine = Machine(1)
    entrants = [
        Entrant("floor", machine.timings(0.1), "floor"),
        Entrant("a", machine.timings(1.0)),
        Entrant("b", machine.timings(1.06)),
        Entrant("slow", machine.timings(0.5), "representative"),
    ]
    *_, last = race(entrants, inf, clock=lambda: machine.now)
    assert last.rounds > FIRST_ROUNDS
    assert {name: len(times) for name, times in last.times.items()}["floor"] == last.rounds
    assert len(last.times["slow"]) == FIRST_ROUNDS
    assert {p.method: p.standing for p in last.places} == {"a": "fastest", "b": "slower", "slow": "slower"}
    assert last.places[0].method == "a"


def test_one_alone_is_the_fastest() -> None:
    """After the rounds that its own interval needs."""
    assert ended([1.0], 0) == {"0": "fastest"}


def test_nobody_can_race() -> None:
    """The floor alone is timed, and no place is given."""
    machine = Machine(0)
    *_, last = race([Entrant("floor", machine.timings(1.0), "floor")], inf, clock=lambda: machine.now)
    assert last.places == ()
