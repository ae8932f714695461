"""Time and peak memory of methods on one problem."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Container, Mapping, Sequence
from functools import partial
from math import inf

import torch

from jaccheck.bench import (
    Call,
    DoesNotFit,
    Effort,
    call_within,
    peak_bytes,
    spread,
    still_process,
    synchronizer,
    time_calls,
    time_once,
)
from jaccheck.judging import jacobians_of_part
from jaccheck.methods import Method, Problem
from jaccheck.reports import Spread

LONGEST = 0.5
"""Seconds in which all fast methods together are timed in turns, where there is so much time."""

LEAST = 3
"""Calls of each that is timed in turns."""

Measured = tuple[Spread | None, float | None]


def measure(
    methods: Sequence[Method],
    first_s: Mapping[str, float],
    loads: Container[str],
    make: Callable[[], Problem],
    memory: int,
    seconds: float,
) -> dict[str, Measured]:
    """By method: where the times of calls lie, all taking turns, and its peak memory in multiples of the Jacobians'.

    `seconds` is for all of it. `first_s` is how long each took the first time, which says little: modules were loaded
    in it, for those in `loads`, and kernels chosen. So each is called once more, the fast ones first, as long as there
    is time. What was not measured is None.
    """
    share = seconds / max(1, 2 * len(methods))
    fast = share / (LEAST + 1)
    again, left = {}, seconds / 2
    for m in sorted(methods, key=lambda m: first_s[m.name]):
        if m.name in loads or fast < first_s[m.name] <= left:
            again[m.name] = _once(m, make, memory)
            left -= 0.0 if m.name in loads else first_s[m.name]
    known = {name: again.get(name, first) for name, first in first_s.items()}
    times = {name: spread([known[name]]) for name in again if known[name] < inf}
    device = make().device
    quick = [m for m in methods if known[m.name] <= fast]
    if quick:
        effort = Effort(seconds=min(LONGEST, seconds / 4), least=LEAST, most=200, warm_up=0)
        calls = [Call(m.name, partial(jacobians_of_part, m), make) for m in quick]
        with still_process(torch.get_num_threads()):
            timed = call_within(lambda: time_calls(calls, effort, device=device), memory)
        times |= {name: each.wall for name, each in timed.items()}
    small = [m for m in methods if known[m.name] <= share]
    peaks = {m.name: _peak(m, make, memory, device) for m in small}
    return {m.name: (times.get(m.name), peaks.get(m.name)) for m in methods}


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
    return peak / size if size and peak is not None else None
