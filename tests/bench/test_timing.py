"""Timing costs next to nothing, gives every call fresh arguments, and leaves the process as it was."""

from __future__ import annotations

import gc
import math
import weakref
from statistics import median
from time import perf_counter, sleep

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import quantile_test

from jaccheck.bench import Call, Effort, still_process, time_calls, time_once
from jaccheck.bench.timing import NO_OP, spread
from jaccheck.core import from_json, to_json
from jaccheck.reports import Spread


def test_timing_nothing_takes_little_longer_than_reading_the_clock() -> None:
    """Neither pytest nor the harness stands between the two readings: compared in one run, as a ratio."""
    bare, timed = [], []
    with still_process():
        for _ in range(2000):
            started = perf_counter()
            ended = perf_counter()
            bare.append(ended - started)
            timed.append(time_once(NO_OP).wall_s)
    assert median(timed) < 4 * median(bare)


def test_no_assert_of_the_timing_path_is_rewritten() -> None:
    """pytest rewrites the modules of a package with a plugin unless their docstring asks it not to."""
    from jaccheck.bench import timing

    assert "PYTEST_DONT_REWRITE" in (timing.__doc__ or "")
    assert "@pytest_ar" not in vars(timing)


def test_twice_the_work_takes_longer() -> None:
    """Above the confidence interval of the single work, even on a busy machine."""
    x = torch.ones(64, 64)

    def work(times: int) -> None:
        for _ in range(100 * times):
            x @ x

    calls = [Call("once", lambda _: work(1)), Call("twice", lambda _: work(2))]
    with still_process():
        times = time_calls(calls, Effort(seconds=0, least=25))
    assert times["twice"].cpu.low_s > times["once"].cpu.high_s
    assert times["twice"].wall.shortest_s > 1.5 * times["once"].wall.shortest_s


def test_slow_calls_take_part_less_often() -> None:
    """Each call gets about the same time, and every one its least number of samples."""
    calls = [Call("slow", lambda _: sleep(0.02)), Call("quick", lambda _: sleep(0.001))]
    with still_process():
        times = time_calls(calls, Effort(seconds=0.5, least=3))
    slow, quick = times["slow"], times["quick"]
    assert len(slow.samples) >= 3
    assert len(quick.samples) > 4 * len(slow.samples)
    assert quick.spent_s < 4 * slow.spent_s


def test_at_most_and_at_least() -> None:
    """The limits on the number of samples hold whatever the seconds."""
    with still_process():
        assert len(time_calls([NO_OP], Effort(seconds=60, most=7))["no-op"].samples) == 7
        assert len(time_calls([NO_OP], Effort(seconds=0, least=4))["no-op"].samples) == 4


class Thing:
    """Something that can be seen to be freed."""


def test_arguments_are_fresh_and_freed() -> None:
    """Every call has its own argument, and nothing of the call before is alive when it is made."""
    made: list[weakref.ref[Thing]] = []

    def prepare() -> Thing:
        assert all(ref() is None for ref in made)
        thing = Thing()
        made.append(weakref.ref(thing))
        return thing

    time_calls([Call("identity", lambda thing: [thing], prepare)], Effort(seconds=0, least=5))
    assert len(made) == 6  # the warm-up too


@pytest.mark.parametrize("enabled", [True, False])
def test_a_still_process_is_restored(enabled: bool) -> None:
    """Garbage collection and threads, also after an exception."""
    torch.set_num_threads(2)
    (gc.enable if enabled else gc.disable)()
    try:
        inside = []
        with pytest.raises(KeyError), still_process(threads=1):
            raise KeyError(inside.append((gc.isenabled(), gc.get_freeze_count() > 0, torch.get_num_threads())))
        assert inside == [(False, True, 1)]
        assert gc.isenabled() is enabled
        assert gc.get_freeze_count() == 0
        assert torch.get_num_threads() == 2
    finally:
        gc.enable()


def test_the_interval_holds_the_median_as_often_as_it_says() -> None:
    """In at least 95 % of samples of a skewed distribution, as the binomial test guarantees."""
    draws = np.random.default_rng(0).exponential(size=(1000, 15))
    spreads = [spread(list(row)) for row in draws]
    assert sum(s.low_s <= math.log(2) <= s.high_s for s in spreads) >= 940


def test_few_samples_give_no_interval() -> None:
    """With five samples no interval has a confidence of 95 %."""
    assert (spread([1.0] * 5).low_s, spread([1.0] * 5).high_s) == (0.0, math.inf)
    assert spread([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).high_s == 6.0


def test_spreads_survive_json() -> None:
    """Also where the interval is infinite."""
    few = spread([1.0, 2.0])
    assert from_json(Spread, to_json(few), where="here") == few


@given(st.lists(st.floats(1e-9, 1e3), min_size=1, max_size=60))
def test_an_interval_is_that_of_scipy(seconds: list[float]) -> None:
    """Of its quantile_test, whose import takes longer than all else that a check does."""
    interval = quantile_test(seconds, p=0.5).confidence_interval(0.95)
    limits = 0.0 if math.isnan(interval.low) else interval.low, math.inf if math.isnan(interval.high) else interval.high
    found = spread(seconds)
    assert (found.low_s, found.high_s) == limits
    assert found.median_s == pytest.approx(np.median(seconds))
