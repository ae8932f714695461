"""A worker process: answers each `Task` with a `Message` for everything that becomes known.

PYTEST_DONT_REWRITE. One such process has glibc's memory as it comes, another one keeps it (`jobs.KEPT_MEMORY`).
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from time import perf_counter
from types import FrameType

import torch

from jaccheck.bench.budget import DoesNotFit, call_within
from jaccheck.bench.jobs import Message, Task
from jaccheck.bench.judging import PROVEN, Judge, judge_of
from jaccheck.bench.memory import peak_bytes
from jaccheck.bench.passes import count_passes
from jaccheck.bench.shapes import jacobian_bytes, make
from jaccheck.bench.timing import Call, Effort, still_process, synchronizer, time_calls, time_once
from jaccheck.core import Parent
from jaccheck.errors import JaccheckError
from jaccheck.methods import Jacobians, Method, Problem, copy_of
from jaccheck.reports import BenchCell, MethodTiming, Outcome, Regime, first_line, raised
from jaccheck.selftest import find_with_mutants

FLOOR = "floor"

LEAST = 3
"""Samples of each call; a confidence interval needs six, but two gigabytes in float64 take seconds each."""


MOST = 300
"""Samples of each call; more would narrow the interval little, and other problems need the time."""

ALWAYS = 3
"""Methods that are timed on every problem, the fastest."""


TOUCHED = 3
"""Times the Jacobian's bytes; the methods that copy hold up to 2.4 times as much."""

SECONDS_FOR_A_BYTE = 5e-9
"""Fresh memory alone takes a fifth of this, and several times as long on a busy machine."""


class TooSlow(Exception):
    """A call took more time than it was given."""


def main() -> None:
    """Answers tasks until there are no more."""
    sys.path.append(os.getcwd())  # for methods of the user's own; last, so that nothing is shadowed
    parent = Parent()
    for task in parent.asks(Task):
        for message in answer(task):
            parent.say(message)


def answer(task: Task) -> Iterator[Message]:
    """Everything there is to say to a task, as it becomes known."""
    try:
        problem = make(task.shape, task.dtype, task.device)
    except JaccheckError as error:
        yield Message(complaint=str(error), is_last=True)
        return
    with still_process(task.threads):
        if task.kind == "start":
            yield from start(task, problem)
        elif task.kind == "examine":
            yield from examined(task, problem)
        else:
            yield from timed(task, problem)
    yield Message(is_last=True)


def start(task: Task, problem: Problem) -> Iterator[Message]:
    """Lets every method load what it loads at its first call, so that no limit on time comes in between."""
    torch.ones(256, 256) @ torch.ones(256, 256)
    peak_bytes(lambda: torch.ones(1), task.device)
    for name in task.methods:
        method = find_with_mutants(name)
        call = Call(name, method.compute, lambda: copy_of(problem))
        with suppress(Exception):
            if not method.refuses(problem):
                time_once(call)
                yield Message(starts=name, quick_s=time_once(call).wall_s)


def examined(task: Task, problem: Problem) -> Iterator[Message]:
    """Every method once, until the time is over."""
    yield Message(problem=describe(task, problem))
    judge = judge_of(problem)
    started = perf_counter()
    for name in task.methods:
        yield Message(starts=name)
        method = replace(find_with_mutants(name), name=name)  # `module:function` is registered by another name
        if perf_counter() - started < task.seconds:
            yield examine(method, problem, judge, task)
        else:
            yield _unranked(method, Outcome.NOT_RUN, "no time was left for it")


def describe(task: Task, problem: Problem) -> BenchCell:
    """The sizes of the problem."""
    return BenchCell(
        shape=task.shape.name,
        network=task.shape.network,
        axis=task.shape.axis,
        size=task.shape.size,
        dtype=problem.dtype,
        device=task.device,
        N=problem.N,
        C=problem.C,
        parameters=sum(p.numel() for p in problem.parameters.values()),
        jacobian_bytes=jacobian_bytes(problem),
        methods=(),
        seconds=0.0,
    )


def examine(method: Method, problem: Problem, judge: Judge, task: Task) -> Message:
    """Whether a method is right on this very problem, how much memory it needs and how often it passes through it."""
    if refusal := method.refuses(problem):
        return _unranked(method, Outcome.UNSUPPORTED, refusal)
    results: list[Jacobians] = []
    own, most = copy_of(problem), max(1.0, task.seconds / 5, SECONDS_FOR_A_BYTE * jacobian_bytes(problem))

    def call() -> None:
        results.append(method.compute(own))

    try:
        with limited(most), count_passes() as passes:
            peak = call_within(
                lambda: peak_bytes(lambda: results.append(method.compute(own)), task.device), task.memory
            )
    except DoesNotFit:
        return _unranked(method, Outcome.TOO_LARGE, f"needs more than {task.memory / 2**30:.1f} GiB")
    except TooSlow:
        return _unranked(method, Outcome.NOT_RUN, f"one call takes more than {most:.1f} s")
    except Exception as error:  # a crash of a method is an answer here
        return _unranked(method, Outcome.CRASHED, str(raised(error)))
    wrong = judge.difference(method, results[0])
    right = Outcome.AGREES if judge.how is PROVEN else Outcome.CONSISTENT
    timing = MethodTiming(
        method=method.name,
        outcome=Outcome.DISAGREES if wrong else right,
        message=wrong or judge.how,
        forward_passes=passes.forward,
        backward_passes=passes.backward,
        peak_bytes=peak,
    )
    return Message(method=timing)


def _unranked(method: Method, outcome: Outcome, message: str) -> Message:
    return Message(method=MethodTiming(method=method.name, outcome=outcome, message=message))


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raises TooSlow in a call that loops in Python for longer; one that never returns to Python is not stopped.

    Nor is any where there is no timer, as on Windows.
    """
    if not hasattr(signal, "SIGALRM"):
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def timed(task: Task, problem: Problem) -> Iterator[Message]:
    """The times of all methods and of the floor, in turns."""
    given = {name: p.new_empty(problem.N, problem.C, *p.shape) for name, p in problem.parameters.items()}
    if task.kind == "reused":
        touch_heap(min(task.memory - 2 * jacobian_bytes(problem), TOUCHED * jacobian_bytes(problem)))
        fill(given)
        calls = [Call(FLOOR, lambda _: fill(given))]
    else:
        shapes = {name: (tensor.shape, tensor.dtype) for name, tensor in given.items()}
        given.clear()
        calls = [Call(FLOOR, lambda _: allocate_and_fill(shapes, task.device))]
    for name in task.methods:
        method = find_with_mutants(name)
        calls.append(Call(name, runner(method, given), lambda: fresh(problem, task)))
    warm: dict[str, float] = {}
    wait = synchronizer(task.device)
    started = perf_counter()
    for call in calls:
        yield Message(starts=call.name)
        if len(warm) > ALWAYS and perf_counter() - started > task.seconds / 2:
            yield _unranked(find_with_mutants(call.name), Outcome.NOT_RUN, "no time was left to time it")
            continue
        try:
            warm[call.name] = call_within(lambda call=call: time_once(call, wait), task.memory).wall_s  # type: ignore[misc]
        except (DoesNotFit, RuntimeError) as error:
            yield _unranked(
                find_with_mutants(call.name), Outcome.NOT_RUN, f"in {task.kind} memory: {first_line(error)}"
            )
    left = task.seconds - (perf_counter() - started)
    for name in too_slow(warm, left):
        message = f"one call takes {warm.pop(name):.2g} s, too much for the time that was left"
        yield _unranked(find_with_mutants(name), Outcome.NOT_RUN, message)
    effort = Effort(seconds=left, least=LEAST, most=MOST, warm_up=0)
    times = time_calls([call for call in calls if call.name in warm], effort, device=task.device)
    regime: Regime = "reused" if task.kind == "reused" else "fresh"
    yield Message(regime=regime, floor=times.pop(FLOOR).wall)
    for name, each in times.items():
        yield Message(starts=name, regime=regime, times=each.wall)


def too_slow(seconds: dict[str, float], budget: float) -> list[str]:
    """The slowest calls, as many as must go so that the rest, floor included, can be timed within the budget.

    The fastest `ALWAYS` stay whatever they take: without them there would be nothing to compare.
    """
    order = sorted((name for name in seconds if name != FLOOR), key=lambda name: seconds[name])
    spent, left_out = LEAST * seconds[FLOOR], []
    for place, name in enumerate(order):
        spent += LEAST * seconds[name]
        if spent > budget and place >= ALWAYS:
            left_out.append(name)
    return left_out


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


if __name__ == "__main__":
    main()
