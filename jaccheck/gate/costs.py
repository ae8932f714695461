"""Speed and memory of both sides: timings taken in turns from the two processes, bytes as torch's allocator counts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

from jaccheck.case import Case, Linear, Normal, ReLU, Tanh
from jaccheck.errors import BrokenEnvironment
from jaccheck.gate.changes import Change, Kind
from jaccheck.gate.process import SideProcess
from jaccheck.gate.protocol import Ask, Crash, Task
from jaccheck.measurement.paired import Budget, compare
from jaccheck.timings import Answer

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

NOTICED_MEMORY = 1.02
"""Allocations are counted exactly; below this ratio they are not worth a line."""


def speed_changes(
    base: SideProcess, candidate: SideProcess, methods: tuple[str, ...], device: str, margin: float
) -> Iterator[Change]:
    """A change for each method and shape that is slower or faster by more than `margin`, sure of it."""
    budget = Budget(seconds=COMPARISON_SECONDS, error=SURE, margin=margin)
    for name, case, method in _measured(base, candidate, methods, device):
        timing = compare(_taking(base, case, method, device), _taking(candidate, case, method, device), budget)
        kind = {Answer.SLOWER: Kind.SLOWER, Answer.FASTER: Kind.FASTER}.get(timing.answer)
        if kind:
            ratio = f"{timing.ratio:.2f} × the base's time on {name} ({timing.low:.2f} to {timing.high:.2f})"
            yield _change(kind, method, device, name, case, ratio)


def memory_changes(
    base: SideProcess, candidate: SideProcess, methods: tuple[str, ...], device: str
) -> Iterator[Change]:
    """A change for each method and shape whose peak memory differs."""
    for name, case, method in _measured(base, candidate, methods, device):
        was, now = (_amount(side, case, method, device, "weigh") for side in (base, candidate))
        if max(was, now) > NOTICED_MEMORY * min(was, now):
            kind = Kind.MORE_MEMORY if now > was else Kind.LESS_MEMORY
            yield _change(kind, method, device, name, case, f"{now / was:.2f} × the base's peak on {name}")


def _measured(
    base: SideProcess, candidate: SideProcess, methods: tuple[str, ...], device: str
) -> Iterator[tuple[str, Case, str]]:
    """The shapes and methods that both sides can be measured on: those that run there."""
    for name, case in SHAPES.items():
        for method in methods:
            ask = Ask(case=case, methods=(method,), device=device)
            answers = base.ask(ask), candidate.ask(ask)
            if all(not isinstance(a, Crash) and not a.calls[0].refusal and not a.calls[0].error for a in answers):
                yield name, case, method


def _taking(side: SideProcess, case: Case, method: str, device: str) -> Callable[[], float]:
    return lambda: _amount(side, case, method, device, "time")


def _amount(side: SideProcess, case: Case, method: str, device: str, task: Task) -> float:
    answer = side.ask(Ask(case=case, methods=(method,), device=device, task=task))
    if isinstance(answer, Crash):
        raise BrokenEnvironment(f"{side.prepared.side}: {method} could be called, but not measured: {answer.reason}")
    return answer.amounts[0]


def _change(kind: Kind, method: str, device: str, shape: str, case: Case, ratio: str) -> Change:
    identity = hashlib.sha256(f"{kind} {method} {device} {shape}".encode()).hexdigest()[:10]
    return Change(id=identity, kind=kind, method=method, device=device, base="", candidate=ratio, seen=1, case=case)
