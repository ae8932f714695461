"""Paired comparisons are right about which takes longer as often as they say, whatever the noise."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import count
from math import exp, inf, log, sin

import numpy as np
import pytest
import torch
from scipy.stats import binomtest

from jaccheck.bench import Budget, Call, compare_timings, still_process
from jaccheck.bench.paired import shift_interval
from jaccheck.bench.timing import timings_of
from jaccheck.reports import Answer


def simulated(ratio: float, seed: int) -> tuple[Callable[[], float], Callable[[], float]]:
    """Timings with outliers, a drift and a slow wave, as on a busy machine."""
    noise, clock = random.Random(seed), count()

    def take(factor: float) -> float:
        t = next(clock)
        outlier = noise.expovariate(1) if noise.random() < 0.1 else 0.0
        return factor * exp(0.05 * noise.gauss(0, 1) + outlier + 0.002 * t + 0.2 * sin(t / 30))

    return lambda: take(1.0), lambda: take(ratio)


def test_false_alarms_are_as_rare_as_promised() -> None:
    """Of 300 comparisons of equals at an error of 5 %, no more are called different than chance allows."""
    budget = Budget(blocks=48, error=0.05, margin=1e-6)
    answers = [compare_timings(*simulated(1.0, seed), budget, seed=seed).answer for seed in range(300)]
    alarms = sum(answer in (Answer.FASTER, Answer.SLOWER) for answer in answers)
    assert binomtest(alarms, len(answers), 0.05, alternative="greater").pvalue > 1e-3


def test_looking_often_without_paying_for_it_would_raise_false_alarms() -> None:
    """The same with the whole error at each of many looks: the part that the division by looks plays is seen."""
    alarms = 0
    for seed in range(100):
        base, candidate = simulated(1.0, seed)
        values: list[float] = []
        for _ in range(48):
            a, b, c, d = base(), candidate(), candidate(), base()
            values.append((log(b) + log(c) - log(a) - log(d)) / 2)
            low, _, high = shift_interval(values, 0.05) if len(values) >= 12 else (-inf, 0, inf)
            if not low <= 0 <= high:
                alarms += 1
                break
    assert binomtest(alarms, 100, 0.05, alternative="greater").pvalue < 1e-3


@pytest.mark.parametrize(("ratio", "answer"), [(1.25, Answer.SLOWER), (0.8, Answer.FASTER), (1.0, Answer.SAME)])
def test_true_differences_are_found(ratio: float, answer: Answer) -> None:
    """In noise of a tenth, with the true ratio inside the interval."""
    results = [compare_timings(*simulated(ratio, seed), seed=seed) for seed in range(20)]
    assert [result.answer for result in results] == [answer] * 20
    assert all(result.low <= ratio <= result.high for result in results)


def test_the_budget_ends_a_comparison() -> None:
    """Undecided, with no more blocks than it may take, and within the time it may take."""
    few = compare_timings(*simulated(1.06, 0), Budget(blocks=13))
    assert (few.answer, few.blocks, few.looks) == (Answer.UNDECIDED, 13, 2)
    short = compare_timings(*simulated(1.06, 0), Budget(seconds=0))
    assert (short.answer, short.blocks, short.low, short.high) == (Answer.UNDECIDED, 1, 0, inf)


def test_the_interval_of_hodges_and_lehmann() -> None:
    """The example of Hollander, Wolfe and Chicken, section 3.3: depression scores, at 96 %."""
    change = [-0.952, 0.147, -1.022, -0.430, -0.620, -0.590, -0.490, 0.080, -0.010]
    low, estimate, high = shift_interval(change, 0.04)
    assert (low, estimate, high) == pytest.approx((-0.786, -0.46, -0.010))


def test_the_interval_shrinks_and_covers() -> None:
    """More blocks, narrower; and the centre lies inside about as often as the level says."""
    draws = np.random.default_rng(0).standard_t(3, size=(200, 60))
    whole = [shift_interval(list(row), 0.05) for row in draws]
    part = [shift_interval(list(row[:15]), 0.05) for row in draws]
    assert sum(low <= 0 <= high for low, _, high in whole) >= 180
    assert all(w[2] - w[0] < p[2] - p[0] for w, p in zip(whole, part, strict=True))


def test_real_work_done_twice_is_slower() -> None:
    """Really done, not slept; the answer holds for the processor's clock too."""
    x = torch.ones(64, 64)

    def work(times: int) -> None:
        for _ in range(50 * times):
            x @ x

    once, twice = Call("once", lambda _: work(1)), Call("twice", lambda _: work(2))
    with still_process():
        for clock in ("wall", "cpu"):
            result = compare_timings(timings_of(once, clock=clock), timings_of(twice, clock=clock), Budget(seconds=60))
            assert result.answer is Answer.SLOWER
            assert result.low > 1
