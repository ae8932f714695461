"""Speed and memory of both sides: timings taken in turns from the two processes, bytes as torch's allocator counts."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import partial

from jaccheck.bench import Budget, compare_timings, counts_memory
from jaccheck.case import Case, Linear, Normal, ReLU, Tanh
from jaccheck.errors import BrokenEnvironment
from jaccheck.gate.pairing import Pairing
from jaccheck.gate.process import SideProcess
from jaccheck.gate.protocol import Ask, Crash, Task
from jaccheck.reports import Answer, Change, Kind, Speed

SHAPES = {
    "10-7-5, N = 15": Case(
        layers=(Linear(out_features=7), ReLU(), Linear(out_features=5)), in_shape=(10,), batch_size=15, recipe=Normal()
    ),
    "64-64-32-10, N = 32": Case(
        layers=(Linear(out_features=64), Tanh(), Linear(out_features=32), ReLU(), Linear(out_features=10)),
        in_shape=(64,),
        batch_size=32,
        dtype="float32",
        recipe=Normal(),
    ),
}
"""The tutorial's shape, where overhead rules, and one where arithmetic and memory do."""

SURE = 0.001
"""The chance of an error in one comparison: a gate makes about ten."""

COMPARISON_SECONDS = 20.0

_CHANGES = {Answer.SLOWER: Kind.SLOWER, Answer.FASTER: Kind.FASTER}

NOTICED_MEMORY = 1.02
"""Allocations are counted exactly; below this ratio they are not worth a line."""


CONFIRMATIONS = 2
"""How many times a difference must be seen again, in processes started anew.

Two processes that run the same code may differ in speed for as long as they live, by where their memory happens to lie;
no number of timings within one pair of them can tell that from a difference of their code.
"""


def speed(sides: Pairing, shape: str, method: str, device: str, margin: float) -> Speed | None:
    """How a method's time on a shape compares; faster or slower only where new processes say so too.

    None where it does not run on both sides.
    """
    if not _runs(sides, shape, method, device):
        return None
    budget = Budget(seconds=COMPARISON_SECONDS, error=SURE, margin=margin)
    was, now = (partial(_amount, side, shape, method, device, "time") for side in sides)
    timing = compare_timings(was, now, budget)
    for _ in range(CONFIRMATIONS):
        if timing.answer not in _CHANGES:
            break
        for side in sides:
            side.stop()
        said, timing = timing.answer, compare_timings(was, now, budget)
        if timing.answer is not said:
            timing = replace(timing, answer=Answer.UNDECIDED)
    return Speed(method=method, device=device, shape=shape, timing=timing)


def speed_changes(speed: Speed) -> tuple[Change, ...]:
    """The change where a method is slower or faster."""
    timing = speed.timing
    if timing.answer not in _CHANGES:
        return ()
    ratio = f"{timing.ratio:.2f} × the base's time on {speed.shape} ({timing.low:.2f} to {timing.high:.2f})"
    return (_change(_CHANGES[timing.answer], speed.method, speed.device, speed.shape, ratio),)


def memory_changes(sides: Pairing, shape: str, method: str, device: str) -> tuple[Change, ...]:
    """The change where a method's peak memory on a shape differs."""
    if not counts_memory(device) or not _runs(sides, shape, method, device):
        return ()
    was, now = (_amount(side, shape, method, device, "weigh") for side in sides)
    if max(was, now) <= NOTICED_MEMORY * min(was, now):
        return ()
    kind = Kind.MORE_MEMORY if now > was else Kind.LESS_MEMORY
    return (_change(kind, method, device, shape, f"{now / was:.2f} × the base's peak on {shape}"),)


def _runs(sides: Pairing, shape: str, method: str, device: str) -> bool:
    """Whether a method runs on both sides, so that it can be measured."""
    ask = Ask(case=SHAPES[shape], methods=(method,), device=device)
    answers = [side.ask(ask) for side in sides]
    return all(not isinstance(a, Crash) and not a.calls[0].refusal and not a.calls[0].error for a in answers)


def _amount(side: SideProcess, shape: str, method: str, device: str, task: Task) -> float:
    answer = side.ask(Ask(case=SHAPES[shape], methods=(method,), device=device, task=task))
    if isinstance(answer, Crash):
        raise BrokenEnvironment(f"{side.prepared.side}: {method} could be called, but not measured: {answer.end}")
    if not answer.amounts[0] > 0:
        raise BrokenEnvironment(f"{side.prepared.side}: {method} was measured to take {answer.amounts[0]:.3g}")
    return answer.amounts[0]


def _change(kind: Kind, method: str, device: str, shape: str, ratio: str) -> Change:
    identity = hashlib.sha256(f"{kind} {method} {device} {shape}".encode()).hexdigest()[:10]
    case = SHAPES[shape]
    return Change(id=identity, kind=kind, method=method, device=device, base="", candidate=ratio, seen=1, case=case)
