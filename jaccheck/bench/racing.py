"""One race in this process: the methods of a task on its problem, in fresh or in reused memory. PYTEST_DONT_REWRITE"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from math import inf
from time import perf_counter

import torch

from jaccheck.bench.budget import DoesNotFit, call_within
from jaccheck.bench.examination import FirstCalls, first_call, representatives, shorter, times_slower, unranked
from jaccheck.bench.jobs import Message, Task
from jaccheck.bench.race import CONFIDENCE, FIRST_ROUNDS, MARGIN, Entrant, Role, Standings, race
from jaccheck.bench.shapes import jacobian_bytes
from jaccheck.bench.timing import Call, spread, synchronizer, time_once
from jaccheck.methods import Jacobians, Method, Problem, copy_of
from jaccheck.reports import Clock, Outcome, Race, Regime, first_line
from jaccheck.selftest import find_with_mutants

FLOOR = "floor"

ALWAYS = 3
"""Contenders that take part however little time there is, the fastest."""

SHARE = 0.1
"""Of the time of a race for each of those that cannot win, but stand for their kind."""

TOUCHED = 3
"""Times the Jacobian's bytes; the methods that copy hold up to 2.4 times as much."""


def raced(task: Task, problem: Problem) -> Iterator[Message]:
    """How the race stands after each look. First each method is called, so that nothing is loaded in the race."""
    field = _Field(task)
    for call in calls_of(task, problem):
        yield Message(starts=call.name)
        try:
            field.enter(call)
        except (DoesNotFit, RuntimeError) as error:
            message = f"in {task.kind} memory: {first_line(error)}"
            yield unranked(find_with_mutants(call.name), Outcome.NOT_RUN, message)
    for standings in race(field.entrants(), field.seconds_left()):
        yield field.told(standings)


class _Field:
    """Who takes part in a race: what one or two calls before it say, as in the examination."""

    def __init__(self, task: Task) -> None:
        self._task, self._wait, self._started = task, synchronizer(task.device), perf_counter()
        self._contenders = set(task.methods)
        self._calls: dict[str, Call] = {}
        self._known: dict[str, FirstCalls] = {}
        self._untimed: list[str] = []
        self._fastest_s = inf

    def enter(self, call: Call) -> None:
        """Calls once, and what seems far slower again. Where half the time is over, the call is left out."""
        name = call.name
        if len(self._calls) > ALWAYS and self.seconds_left() < self._task.seconds / 2:
            self._untimed += [name] if name in self._contenders else []
            return
        if name != FLOOR and find_with_mutants(name).compiles:
            self._once(call)  # which compiles, and counts for nothing
        known = self._once(call)
        if name in self._contenders and times_slower(known, self._fastest_s):
            known = shorter(known, self._once(call))
        if name in self._contenders:
            self._fastest_s = min(self._fastest_s, known.at_most_s)
        self._calls[name], self._known[name] = call, known

    def seconds_left(self) -> float:
        """Of the time that the race may take."""
        return self._task.seconds - (perf_counter() - self._started)

    def dropped(self) -> dict[str, float]:
        """The contenders that no round is needed for, and how many times slower they are at least."""
        found = {name: times_slower(known, self._fastest_s) for name, known in self._known.items()}
        return {name: slower for name, slower in found.items() if slower and name in self._contenders}

    def entrants(self) -> list[Entrant]:
        """The floor, the contenders and one of each other kind, unless its calls would take too much of the time."""
        dropped, clock = self.dropped(), self._task.clock
        kinds = {name: find_with_mutants(name).family for name in self._known if name != FLOOR}
        racing = [name for name in self._known if name in self._contenders and name not in dropped]
        most_s = SHARE * self._task.seconds / FIRST_ROUNDS
        others = {n: self._known[n].wall_s for n in kinds if n not in racing and self._known[n].wall_s <= most_s}
        roles: dict[str, Role] = {FLOOR: "floor"} if FLOOR in self._known else {}
        roles.update(dict.fromkeys(racing, "contender"))
        roles.update(dict.fromkeys(representatives(others, kinds, {kinds[n] for n in racing}), "representative"))
        return [Entrant(name, taker(self._calls[name], self._wait, clock), role) for name, role in roles.items()]

    def told(self, standings: Standings) -> Message:
        """How it stands, and the times so far."""
        regime: Regime = "reused" if self._task.kind == "reused" else "fresh"
        raced = {place.method for place in standings.places}
        found = Race(
            regime=regime,
            places=standings.places,
            rounds=standings.rounds,
            confidence=CONFIDENCE,
            margin=MARGIN,
            dropped={name: slower for name, slower in self.dropped().items() if name not in raced},
            untimed=tuple(self._untimed),
        )
        times = {name: spread(seconds) for name, seconds in standings.times.items() if seconds}
        return Message(race=found, floor=times.pop(FLOOR, None), times=times)

    def _once(self, call: Call) -> FirstCalls:
        return first_call(call_within(lambda: time_once(call, self._wait), self._task.memory), self._task)


def taker(call: Call, wait: Callable[[], None] | None, clock: Clock) -> Callable[[], float]:
    """What times a call once; the garbage collector runs after it."""

    def take() -> float:
        sample = time_once(call, wait)
        gc.collect()
        return sample.cpu_s if clock == "cpu" else sample.wall_s

    return take


def calls_of(task: Task, problem: Problem) -> Iterator[Call]:
    """The floor and the methods, the likeliest winner first, then the representatives."""
    given = {name: p.new_empty(problem.N, problem.C, *p.shape) for name, p in problem.parameters.items()}
    if task.kind == "reused":
        touch_heap(min(task.memory - 2 * jacobian_bytes(problem), TOUCHED * jacobian_bytes(problem)))
        fill(given)
        yield Call(FLOOR, lambda _: fill(given))
    else:
        shapes = {name: (tensor.shape, tensor.dtype) for name, tensor in given.items()}
        given.clear()
        yield Call(FLOOR, lambda _: allocate_and_fill(shapes, task.device))
    for name in (*task.methods, *task.representatives):
        yield Call(name, runner(find_with_mutants(name), given), lambda: fresh(problem, task))


def runner(method: Method, given: Jacobians) -> Callable[[Problem], object]:
    """The call that is timed: into `out`, if there is some and the method can."""
    compute = method.compute
    if given and method.takes_out:
        return lambda problem: compute(problem, out=given)
    return compute


def fresh(problem: Problem, task: Task) -> Problem:
    """A problem of its own for one call; on accelerators fresh memory means that torch's cache is emptied too."""
    if task.kind == "fresh" and not task.device.startswith("cpu"):
        getattr(torch, task.device.split(":")[0]).empty_cache()
    return copy_of(problem)


def touch_heap(size: int) -> None:
    """So many bytes that glibc keeps have been written, so that also the first calls find pages that are there.

    Without it the times of large results were up to four times as long, and settled only after some ten calls.
    """
    if size > 0:
        torch.empty(size, dtype=torch.uint8).fill_(1)


def fill(tensors: Jacobians) -> None:
    """The floor in reused memory: every number is written once."""
    for tensor in tensors.values():
        tensor.fill_(1.0)


def allocate_and_fill(shapes: dict[str, tuple[torch.Size, torch.dtype]], device: str) -> Jacobians:
    """The floor in fresh memory."""
    made = {name: torch.empty(shape, dtype=dtype, device=device) for name, (shape, dtype) in shapes.items()}
    fill(made)
    return made
