"""Each method called once or twice on a problem: is it right, what does it need, can it be the fastest at all?

PYTEST_DONT_REWRITE. A method is dropped where its first calls took at least `GROSS` times as long as one of the
fastest, by the clock that speaks for it: the shorter of its wall and processor time, beside the longer of the other's.
The processor's clock does not count what other programs do. This is no test, but an assumption: that cold caches and
busy neighbours make neither one call of more than a second three times as long, nor both of two that are shorter. Two,
because the first call of a shape may load something.
"""

from __future__ import annotations

import signal
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from math import inf
from time import perf_counter, process_time
from types import FrameType

from jaccheck.bench.budget import DoesNotFit, call_within
from jaccheck.bench.jobs import Message, Task
from jaccheck.bench.judging import PROVEN, Judge, judge_of
from jaccheck.bench.memory import peak_bytes
from jaccheck.bench.passes import Passes, count_passes
from jaccheck.bench.shapes import jacobian_bytes
from jaccheck.bench.timing import Call, Sample, synchronizer, time_once
from jaccheck.methods import Jacobians, Method, Problem, copy_of
from jaccheck.reports import BenchCell, MethodTiming, Outcome, raised
from jaccheck.selftest import find_with_mutants

GROSS = 3.0
"""So many times as long as the fastest: no race is needed."""

LONG_S = 1.0
"""A call is stopped after this time, or after `GROSS` times that of the fastest."""

PATIENCE = 4
"""How many times as long a call may go on that was stopped because the processor was busy with other things."""

COMPILE_S = 30.0
"""How long a call may take that compiles, however little time there is."""

SECONDS_FOR_A_BYTE = 5e-9
"""Fresh memory alone takes a fifth of this, and several times as long on a busy machine."""


class TooSlow(Exception):
    """A call took more time than it was given."""


@dataclass(frozen=True, slots=True)
class FirstCalls:
    """What is known of a method's time before the races: the shortest of so many calls, by both clocks."""

    wall_s: float
    cpu_s: float
    count: int = 1
    is_stopped: bool = False

    @property
    def at_least_s(self) -> float:
        """What it takes at least, whichever clock is right."""
        return min(self.wall_s, self.cpu_s)

    @property
    def at_most_s(self) -> float:
        """What it takes at most, whichever clock is right; endless where the call was stopped."""
        return inf if self.is_stopped else max(self.wall_s, self.cpu_s)


def first_call(sample: Sample, task: Task) -> FirstCalls:
    """What a call says: by the processor's clock alone where that was asked for, and not by it on accelerators."""
    if task.clock == "cpu":
        return FirstCalls(sample.cpu_s, sample.cpu_s)
    return FirstCalls(sample.wall_s, sample.cpu_s if task.device == "cpu" else sample.wall_s)


def times_slower(calls: FirstCalls, fastest_s: float) -> float | None:
    """At least so many times slower than the fastest, or None where that is not known without a race."""
    return calls.at_least_s / fastest_s if calls.at_least_s >= GROSS * fastest_s else None


def examined(task: Task, problem: Problem) -> Iterator[Message]:
    """Every method, those first that are thought to be fast, until the time is over."""
    yield Message(problem=described(task, problem))
    exam = Examination(task, problem)
    started = perf_counter()
    for name in task.methods:
        yield Message(starts=name)
        method = replace(find_with_mutants(name), name=name)  # `module:function` is registered by another name
        if method.refuses(problem) or perf_counter() - started < task.seconds:
            yield exam.examine(method)
        else:
            yield unranked(method, Outcome.NOT_RUN, "no time was left for it")
    yield from exam.review()


class Examination:
    """The methods of one problem, examined one after another; it knows the fastest so far."""

    def __init__(self, task: Task, problem: Problem) -> None:
        self._task, self._problem = task, problem
        self._judge: Judge = judge_of(problem)
        self._fastest_s = inf
        self._passed: list[tuple[Method, MethodTiming, FirstCalls]] = []

    def review(self) -> Iterator[Message]:
        """Those that are far slower than the fastest, which was not known yet when they were examined."""
        for method, timing, calls in self._passed:
            if calls.count == 1 and calls.at_least_s < LONG_S and times_slower(calls, self._fastest_s):
                with suppress(DoesNotFit, RuntimeError):  # it was right before, and may show in a race what it is
                    calls = shorter(calls, self._call(method, [], PATIENCE * self._limit()))
            if slower := times_slower(calls, self._fastest_s):
                timing = replace(timing, times_slower=slower, first_calls=calls.count)
                yield Message(method=timing, first_s=calls.wall_s)

    def examine(self, method: Method) -> Message:
        """Whether a method is right on this very problem, and whether it can be the fastest.

        Of one that can, and of one that is quick, also how much memory it needs and how often it passes through.
        """
        if refusal := method.refuses(self._problem):
            return unranked(method, Outcome.UNSUPPORTED, refusal)
        task, results = self._task, list[Jacobians]()
        compile_s: float | None = None
        try:
            if method.compiles:
                compile_s = self._compiled(method)
            calls = self._call(method, results, self._limit())
            if calls.is_stopped and self._fastest_s < inf and calls.at_least_s < self._limit() / 2:
                # The processor was busy with other things.
                calls = replace(self._call(method, results, PATIENCE * self._limit()), count=2)
            wrong = self._judge.difference(method, results.pop()) if results else ""
            if not wrong and not calls.is_stopped:
                if times_slower(calls, self._fastest_s):
                    calls = shorter(calls, self._call(method, [], PATIENCE * self._limit()))
                self._fastest_s = min(self._fastest_s, calls.at_most_s)
            slower = times_slower(calls, self._fastest_s)
            if calls.is_stopped:
                message = f"one call takes more than {calls.wall_s:.2g} s"
                return unranked(method, Outcome.NOT_RUN, message, first_calls=calls.count, times_slower=slower)
            peak, passes = None, None
            if not wrong and (slower is None or calls.wall_s < LONG_S / 4):
                peak, passes = self._observed(method)
                passes = None if method.compiles else passes  # what is compiled calls no module, and is no pass less
        except DoesNotFit:
            return unranked(method, Outcome.TOO_LARGE, f"needs more than {task.memory / 2**30:.1f} GiB")
        except TooSlow:
            what = (
                "takes too long where it is observed" if compile_s or not method.compiles else "takes long to compile"
            )
            return unranked(method, Outcome.NOT_RUN, what, first_calls=1)
        except Exception as error:  # a crash of a method is an answer here
            return unranked(method, Outcome.CRASHED, str(raised(error)))
        right = Outcome.AGREES if self._judge.how is PROVEN else Outcome.CONSISTENT
        timing = MethodTiming(
            method=method.name,
            kind=method.family,
            outcome=Outcome.DISAGREES if wrong else right,
            message=wrong or self._judge.how,
            times_slower=None if wrong else slower,
            first_calls=calls.count,
            forward_passes=passes.forward if passes else None,
            backward_passes=passes.backward if passes else None,
            peak_bytes=peak,
            compile_s=compile_s,
        )
        if not wrong and slower is None:
            self._passed.append((method, timing, calls))
        return Message(method=timing, first_s=calls.wall_s)

    def _limit(self) -> float:
        """How long a call may take: until it is known to be far slower than the fastest."""
        if self._fastest_s == inf:
            return max(LONG_S, self._task.seconds / 5, SECONDS_FOR_A_BYTE * jacobian_bytes(self._problem))
        return max(LONG_S, 1.05 * GROSS * self._fastest_s)

    def _call(self, method: Method, results: list[Jacobians], limit: float) -> FirstCalls:
        """One call within the limits on time and memory; its result is added to the results."""
        device, own = self._task.device, copy_of(self._problem)
        call = Call(method.name, lambda problem: results.append(method.compute(problem)), lambda: own)
        wall, cpu = perf_counter(), process_time()
        try:
            with limited(limit):
                sample = call_within(lambda: time_once(call, synchronizer(device)), self._task.memory)
        except TooSlow:
            sample = Sample(perf_counter() - wall, process_time() - cpu)
            return replace(first_call(sample, self._task), is_stopped=True)
        return first_call(sample, self._task)

    def _compiled(self, method: Method) -> float:
        """Seconds of a call that compiles, whatever is the limit of one that counts."""
        own, started = copy_of(self._problem), perf_counter()
        with limited(max(self._task.seconds / 2, COMPILE_S)):
            call_within(lambda: method.compute(own), self._task.memory)
        return perf_counter() - started

    def _observed(self, method: Method) -> tuple[int | None, Passes]:
        """Peak memory and passes, of one more call, which is slow since it is watched."""
        task, own = self._task, copy_of(self._problem)
        with limited(max(task.seconds / 5, PATIENCE * self._limit())), count_passes() as passes:
            peak = call_within(lambda: peak_bytes(lambda: method.compute(own), task.device), task.memory)
        return peak, passes


def shorter(one: FirstCalls, other: FirstCalls) -> FirstCalls:
    """What two calls say together."""
    if other.is_stopped:
        return replace(one, count=2)
    return FirstCalls(min(one.wall_s, other.wall_s), min(one.cpu_s, other.cpu_s), count=2)


def unranked(
    method: Method, outcome: Outcome, message: str, *, first_calls: int = 0, times_slower: float | None = None
) -> Message:
    """What is said of a method that takes part in no race."""
    timing = MethodTiming(
        method=method.name,
        kind=method.family,
        outcome=outcome,
        message=message,
        first_calls=first_calls,
        times_slower=times_slower,
    )
    return Message(method=timing)


def described(task: Task, problem: Problem) -> BenchCell:
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


def representatives(seconds: Mapping[str, float], kinds: Mapping[str, str], taken: Container[str]) -> tuple[str, ...]:
    """Of each kind of method that is not taken the quickest, by what a call takes."""
    found: dict[str, str] = {}
    for name in sorted(seconds, key=lambda name: seconds[name]):
        if kinds[name] not in taken:
            found.setdefault(kinds[name], name)
    return tuple(found.values())
