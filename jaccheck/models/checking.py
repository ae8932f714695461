"""`check`: every method on a user's own model, part by part, within memory and time."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from torch import Tensor, nn

from jaccheck.bench import default_memory, resident_bytes, warm_up
from jaccheck.errors import InvalidModel
from jaccheck.judging import (
    Part,
    observe_globals,
    parts_of,
    read,
    reference_of,
    restore_globals,
)
from jaccheck.methods import Method, Problem, choose_methods, describe_environment, problem_of
from jaccheck.models.advice import advice, judged_by
from jaccheck.models.method_check import MethodCheck
from jaccheck.models.timed import measure
from jaccheck.reports import ModelReport, Outcome, Source

SECONDS = 60.0
"""Time that each method gets unless told otherwise."""


class Listener(Protocol):
    """Who is told how a check goes."""

    def on_start(self, parts: int, methods: int) -> None:
        """So many parts will be compared with so many methods that do not refuse."""

    def on_method(self, done: int, parts: int, method: str) -> None:
        """A method starts on the part after `done`."""

    def on_part(self, done: int, parts: int, entries: int) -> None:
        """So many parts are done, and so many entries compared in all."""


class _Silent:
    def on_start(self, parts: int, methods: int) -> None: ...
    def on_method(self, done: int, parts: int, method: str) -> None: ...
    def on_part(self, done: int, parts: int, entries: int) -> None: ...


def check(
    model: nn.Module,
    X: Tensor,
    *,
    methods: Sequence[str | Method] = (),
    memory: int | None = None,
    seconds: float = SECONDS,
    listener: Listener | None = None,
) -> ModelReport:
    """What every method, or those named, does on this model and batch `[N, ...]`, and which one to use.

    Results are compared with the closed form and its proven bounds where every layer has a rule, else with autograd in
    float64 and an estimate of what rounding does; the report says which. Only values are judged, not what a method
    leaves behind: it works on copies, and model and X stay as they are. `memory` is what this process may have in all,
    in bytes, by default half of what is free; larger Jacobians are compared part by part. Each method gets `seconds`;
    where they end before the last part, the report says how far it came. Ctrl-C ends the check with what was done.
    Raises InvalidModel for a model that has no Jacobians to compare.
    """
    started = time.perf_counter()
    with _silence():
        problem = problem_of(model, X)
    if not problem.N:
        raise InvalidModel("X holds no sample: there is nothing to compare")
    if not problem.C:
        raise InvalidModel("the model has no output: there is nothing to compare")
    chosen = tuple(choose_methods([])) if not methods else tuple(m for each in methods for m in _named(each))
    before = observe_globals(problem.device)
    try:
        return _Check(problem, chosen, memory or default_memory(), seconds, listener or _Silent()).run(started)
    finally:
        restore_globals(before, observe_globals(problem.device))


def _named(method: str | Method) -> Iterable[Method]:
    return (method,) if isinstance(method, Method) else choose_methods([method])


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """What models print is dropped, since they are run some thousand times."""
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


class _Check:
    """One check from the first part to the report."""

    def __init__(
        self, problem: Problem, methods: tuple[Method, ...], memory: int, seconds: float, listener: Listener
    ) -> None:
        warm_up()
        self.problem = problem
        self.memory = memory
        self.seconds = seconds
        self.listener = listener
        free = memory - resident_bytes()
        if free <= 0:
            raise InvalidModel(
                f"memory of {memory / 2**30:.1f} GiB is less than the {resident_bytes() / 2**30:.1f} GiB that the "
                "process has already, with torch and the model in it; give more"
            )
        self.network, self.reason = read(problem, memory - resident_bytes())
        self.parts = parts_of(problem, memory - resident_bytes(), self.network)
        self.runs = [MethodCheck(method) for method in methods]
        self.source: Source = "closed form" if self.network else "float64 autograd"

    def run(self, started: float) -> ModelReport:
        """The report."""
        interrupted = False
        for run in self.runs:
            if refusal := run.method.refuses(self.problem):
                run.ends(Outcome.UNSUPPORTED, refusal)
        try:
            self.listener.on_start(len(self.parts), sum(run.is_open for run in self.runs))
            for done, part in enumerate(self.parts):
                going = [run for run in self.runs if run.is_open and run.spent < self.seconds]
                if not going:
                    break
                self._compare(done, part, going)
                if not done:
                    with _silence():
                        self._measure(part)
                self.listener.on_part(done + 1, len(self.parts), sum(run.entries for run in self.runs))
        except KeyboardInterrupt:
            interrupted = True
        return self._report(time.perf_counter() - started, interrupted)

    def _compare(self, done: int, part: Part, going: list[MethodCheck]) -> None:
        with _silence():
            reference = reference_of(self.problem, part, self.network)
        self.source = reference.source
        for run in going:
            self.listener.on_method(done, len(self.parts), run.method.name)
            began = time.perf_counter()
            with _silence():
                run.compare(self.problem, part, reference, self.memory)
            run.spent += time.perf_counter() - began

    def _left(self) -> int:
        return self.memory - resident_bytes()

    def _measure(self, part: Part) -> None:
        """Time and memory of every usable method on the first part, in turns."""
        usable = [run for run in self.runs if run.outcome.is_usable or run.outcome is Outcome.UNDECIDED]
        first = {run.method.name: run.calls_s[0] for run in usable}
        measured = measure(
            [run.method for run in usable], first, lambda: part.of(self.problem), self._left(), self.seconds
        )
        for run in usable:
            run.timed_s, run.peak = measured[run.method.name]

    def _report(self, seconds: float, interrupted: bool) -> ModelReport:
        numbers = sum(p.numel() for p in self.problem.parameters.values())
        size = next(iter(self.problem.parameters.values())).element_size()
        answers = tuple(run.answer(len(self.parts)) for run in self.runs)
        first = self.parts[0]
        recommended, sentence = advice(answers, len(first.samples), len(self.parts))
        return ModelReport(
            model=type(self.problem.model).__name__,
            N=self.problem.N,
            C=self.problem.C,
            dtype=self.problem.dtype,
            device=self.problem.device,
            parameters=numbers,
            jacobian_bytes=self.problem.N * self.problem.C * numbers * size,
            memory=self.memory,
            chunks=len(self.parts),
            chunk_bytes=max(len(part.samples) * len(part.outputs) for part in self.parts) * numbers * size,
            chunk_samples=len(first.samples),
            reference=self.source,
            judged_by=judged_by(self.source, self.reason, self.problem.dtype),
            environment=describe_environment({self.problem.device: ""}),
            seconds=seconds,
            answers=answers,
            recommended=recommended,
            advice=sentence,
            interrupted=interrupted,
        )
