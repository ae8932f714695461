"""Time and peak memory of methods on one problem."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import inf

import torch

from jaccheck.bench import (
    Call,
    DoesNotFit,
    Effort,
    call_within,
    peak_bytes,
    still_process,
    synchronizer,
    time_calls,
    time_once,
)
from jaccheck.judging import jacobians_of_part
from jaccheck.methods import Method, Problem

SLOW = 2.0
"""Seconds of a call above which it is not repeated to be timed."""

LEAST, WARM_UP = 3, 1
SHARE = 30
"""Of a method's time, so much goes into timing it."""

Measured = tuple[float | None, float | None]


def measure(
    methods: Sequence[Method], first_s: Mapping[str, float], make: Callable[[], Problem], memory: int, seconds: float
) -> dict[str, Measured]:
    """By method: the median time of a call, all taking turns, and its peak memory in multiples of the Jacobians'.

    `first_s` is how long each took the first time, which can be the time in which torch loads what it needs; so a slow
    one is called once more, and timed only if it was fast then. What was not measured is None.
    """
    slow = min(SLOW, seconds / (LEAST + WARM_UP))
    again = {m.name: _once(m, make, memory) for m in methods if slow < first_s[m.name] <= seconds / LEAST}
    first_s = {name: min(first, again.get(name, first)) for name, first in first_s.items()}
    effort = Effort(seconds=min(SLOW, seconds / SHARE), least=LEAST, most=200, warm_up=WARM_UP)
    quick = [m for m in methods if first_s[m.name] <= slow]
    device = make().device
    calls = [Call(m.name, partial(jacobians_of_part, m), make) for m in quick]
    times = {name: first_s[name] for name in again}
    if calls:
        with still_process(torch.get_num_threads()):
            timed = call_within(lambda: time_calls(calls, effort, device=device), memory)
        times |= {name: each.wall.median_s for name, each in timed.items()}
    return {m.name: (times.get(m.name), _peak(m, make, memory, device)) for m in methods}


def _once(method: Method, make: Callable[[], Problem], memory: int) -> float:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call = Call(method.name, partial(jacobians_of_part, method), make)
            return call_within(lambda: time_once(call, synchronizer(make().device)).wall_s, memory)
    except (DoesNotFit, RuntimeError):
        return inf


def _peak(method: Method, make: Callable[[], Problem], memory: int, device: str) -> float | None:
    problem = make()
    size = sum(p.nbytes for p in problem.parameters.values()) * problem.N * problem.C
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            peak = call_within(lambda: peak_bytes(lambda: jacobians_of_part(method, problem), device), memory)
    except (DoesNotFit, RuntimeError):
        return None
    return peak / size if size else None
