"""Seconds that calls take, timed in turns in one process. PYTEST_DONT_REWRITE

Nothing but the call stands between two readings of the clock: its argument is made before, its result is freed after,
and the garbage collector runs only between calls. Calls take turns in an order drawn anew for each round, so that a
machine that slows down slows all of them.
"""

from __future__ import annotations

import gc
import random
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import comb, inf
from statistics import median, quantiles
from time import perf_counter, process_time
from typing import Any, Literal

import torch

from jaccheck.core import kept_out
from jaccheck.methods import load_device
from jaccheck.reports import Spread

CONFIDENCE = 0.95


def _nothing() -> None:
    """No argument is needed."""


def _ignoring(argument: object) -> None:
    """No call at all."""


@dataclass(frozen=True, slots=True)
class Call:
    """What is timed is `run(prepare())`, without `prepare`; each time with a fresh argument."""

    name: str
    run: Callable[[Any], object]
    prepare: Callable[[], object] = _nothing


NO_OP = Call("no-op", _ignoring)
"""Timing it shows what timing costs."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One call: wall time, and the time that all threads of the process spent on processors."""

    wall_s: float
    cpu_s: float


@dataclass(slots=True)
class Times:
    """All samples of one call, in order; `spent_s` has what went into arguments too."""

    samples: list[Sample] = field(default_factory=list)
    spent_s: float = 0.0

    @property
    def wall(self) -> Spread:
        """Where the wall times lie."""
        return spread([sample.wall_s for sample in self.samples])

    @property
    def cpu(self) -> Spread:
        """Where the processor times lie; steadier than wall times where others use the machine too."""
        return spread([sample.cpu_s for sample in self.samples])


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is timed: until `seconds` have passed, but each call at least `least` and at most `most` times."""

    seconds: float = 1.0
    least: int = 5
    most: int = 1000
    warm_up: int = 1
    seed: int = 0


def time_calls(calls: Sequence[Call], effort: Effort, *, device: str = "cpu") -> dict[str, Times]:
    """The times of each call by name, all of them timed in turns; for a quiet process see `still_process`.

    Each call gets about the same time: a slow one sits out rounds, spread over the whole run. An exception of a call
    is passed on.
    """
    order = random.Random(effort.seed)
    synchronize = synchronizer(device)
    for call in calls:
        for _ in range(effort.warm_up):
            time_once(call, synchronize)
    times = {call.name: Times() for call in calls}
    active = list(calls)
    started = perf_counter()
    while active:
        share = sum(times[call.name].spent_s for call in active) / len(active)
        order.shuffle(active)
        for call in active:
            known = times[call.name]
            if known.spent_s <= share or len(known.samples) < effort.least:
                before = perf_counter()
                known.samples.append(time_once(call, synchronize))
                known.spent_s += perf_counter() - before
        gc.collect()
        most = effort.most if perf_counter() - started < effort.seconds else effort.least
        active = [call for call in active if len(times[call.name].samples) < most]
    return times


def time_once(call: Call, synchronize: Callable[[], None] | None = None) -> Sample:
    """The time of one call with a fresh argument."""
    argument = call.prepare()
    run = call.run
    if synchronize is not None:
        synchronize()
    cpu = process_time()
    started = perf_counter()
    result = run(argument)
    if synchronize is not None:
        synchronize()
    wall = perf_counter() - started
    cpu = process_time() - cpu
    del result, argument
    return Sample(wall, cpu)


def timings_of(
    call: Call, *, clock: Literal["wall", "cpu"] = "wall", calls: int = 1, device: str = "cpu"
) -> Callable[[], float]:
    """What takes one timing of a call whenever it is called, as a paired comparison needs it: seconds of `calls` calls.

    Several calls at a time where a single one is too short for the clock: that of processors counts microseconds.
    """
    synchronize = synchronizer(device)

    def take() -> float:
        samples = [time_once(call, synchronize) for _ in range(calls)]
        gc.collect(0)
        return sum(sample.cpu_s if clock == "cpu" else sample.wall_s for sample in samples)

    return take


def synchronizer(device: str) -> Callable[[], None] | None:
    """What waits until a device has done all that it was given, or None for the CPU, which never lags behind."""
    kind = device.split(":")[0]
    if kind == "cpu":
        return None
    if kind == "xla":
        load_device(device)
        import torch_xla

        # XLA computes nothing before it is told to: all that is held is compiled and computed here.
        return lambda: torch_xla.sync(wait=True)
    backend = getattr(torch, kind)
    if kind == "mps":  # there is one, and its function takes no argument
        return lambda: backend.synchronize()
    return lambda: backend.synchronize(device)


@contextmanager
def still_process(threads: int = 1) -> Iterator[None]:
    """As few things as possible that disturb timings: a fixed number of threads, no garbage collection, no warnings.

    What was there before is kept out of the collections between calls, which are quick then (`kept_out`). All of it is
    restored.
    """
    was_enabled, had_threads = gc.isenabled(), torch.get_num_threads()
    gc.collect()
    gc.disable()
    torch.set_num_threads(threads)
    try:
        with kept_out(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.set_num_threads(had_threads)
        if was_enabled:
            gc.enable()


def spread(seconds: Sequence[float]) -> Spread:
    """Where these times lie. Without scipy's quantile_test, which says the same: its import takes longer than a check.

    The interval of the median is that of the sign test: from the k-th shortest to the k-th longest, with the largest k
    for which fewer than k of n fair coins show heads in at most 2.5 % of all cases.
    """
    times, n = sorted(seconds), len(seconds)
    k, below = 0, 0
    while (below := below + comb(n, k)) <= (1 - CONFIDENCE) / 2 * 2**n:
        k += 1
    lower, _, upper = quantiles(times, n=4, method="inclusive") if n > 1 else times * 3
    return Spread(
        samples=n,
        median_s=median(times),
        low_s=times[k - 1] if k else 0.0,
        high_s=times[n - k] if k else inf,
        lower_quartile_s=lower,
        upper_quartile_s=upper,
        shortest_s=times[0],
    )
