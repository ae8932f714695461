"""`check`: every method on a user's own model, part by part, within memory and time."""

from __future__ import annotations

import contextlib
import os
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Literal, Protocol

import numpy as np
from torch import Tensor, nn

from jaccheck.bench import DoesNotFit, call_within, default_memory, resident_bytes, warm_up
from jaccheck.core import filled
from jaccheck.errors import InvalidModel
from jaccheck.judging import (
    Expectation,
    Part,
    Reference,
    compare_values,
    first_line,
    flattened_away,
    in_float64,
    jacobians_of_part,
    largest_test_ratio,
    observe_globals,
    parts_of,
    read,
    reference_of,
    restore_globals,
    structural_difference,
)
from jaccheck.methods import Jacobians, Method, Problem, choose_methods, describe_environment, problem_of
from jaccheck.models.advice import advice, judged_by
from jaccheck.models.timed import measure
from jaccheck.reports import MethodAnswer, Mode, ModelReport, Outcome, Source, WorstEntry

SECONDS = 60.0
"""Time that each method gets unless told otherwise."""

SAYS_NOTHING = "Full backward hook is firing"
"""A warning of torch's about BackPACK's hooks on each call, which no user can act on."""


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


@dataclass(slots=True)
class _Run:
    """One method on its way through the parts."""

    method: Method
    outcome: Outcome = Outcome.NOT_RUN
    message: str = ""
    comparison: Mode | Literal["none"] = "none"
    worst: WorstEntry | None = None
    test_ratio: float = 0.0
    entries: int = 0
    undecided: int = 0
    parts: int = 0
    spent: float = 0.0
    calls_s: list[float] = field(default_factory=list)
    """Times of the calls that were compared, in the model's own dtype."""
    timed_s: float | None = None
    """The median of calls timed in turns with other methods."""
    peak: float | None = None
    remarks: dict[str, None] = field(default_factory=dict)
    warnings: dict[str, None] = field(default_factory=dict)

    def ends(self, outcome: Outcome, message: str) -> None:
        """Nothing more is asked of the method."""
        self.outcome, self.message = outcome, message

    @property
    def is_open(self) -> bool:
        """Whether nothing speaks against the method so far."""
        return self.outcome.is_usable or self.outcome in (Outcome.NOT_RUN, Outcome.UNDECIDED)

    def answer(self, parts: int) -> MethodAnswer:
        """What is known of it in the end."""
        partly = self.is_open and 0 < self.parts < parts
        come = f"{self.parts} of {parts} parts compared, the others not" if partly else ""
        message = "; ".join(text for text in (come, self.message, *self.remarks) if text)
        return MethodAnswer(
            method=self.method.name,
            outcome=self.outcome,
            message=message,
            comparison=self.comparison,
            worst=self.worst,
            test_ratio=self.test_ratio,
            entries=self.entries,
            undecided=self.undecided,
            chunks=self.parts,
            median_s=self.timed_s if self.timed_s is not None or not self.calls_s else median(self.calls_s),
            peak=self.peak,
            warnings=tuple(self.warnings),
        )


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
        self.runs = [_Run(method) for method in methods]
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

    def _compare(self, done: int, part: Part, going: list[_Run]) -> None:
        with _silence():
            reference = reference_of(self.problem, part, self.network)
        self.source = reference.source
        for run in going:
            self.listener.on_method(done, len(self.parts), run.method.name)
            began = time.perf_counter()
            with _silence():
                self._judge(run, part, reference)
            run.spent += time.perf_counter() - began

    def _judge(self, run: _Run, part: Part, reference: Reference) -> None:
        """One method on one part; its crash becomes its outcome here and nowhere else."""
        for expectation in reference.expectations(run.method):
            is_own, problem = expectation.dtype == self.problem.dtype, part.of(self.problem)
            problem = problem if is_own else in_float64(problem)
            if refusal := run.method.refuses(problem):
                return run.ends(Outcome.UNSUPPORTED, f"in parts of its outputs: {refusal}")
            try:
                jacobians = self._call(run, problem, is_own=is_own)
            except DoesNotFit as error:
                if is_own:
                    return run.ends(Outcome.TOO_LARGE, str(error))
                run.remarks[f"not compared in float64, which needs {error}"] = None
                continue
            except (Exception, SystemExit) as error:
                message = f"{type(error).__name__}: {first_line(error)}"
                if is_own:
                    return run.ends(Outcome.CRASHED, message)
                run.remarks[f"not compared in float64: {message}"] = None
                continue
            del problem
            if fault := structural_difference(expectation.layout, expectation.dtype, expectation.device, jacobians):
                return run.ends(Outcome.DISAGREES, fault)
            if run.method.step and expectation.mode == "estimate":
                run.remarks["a difference quotient has an error of its own, for which nothing is estimated"] = None
                continue
            run.comparison, actual = expectation.mode, flattened_away(jacobians)
            ratio = largest_test_ratio(actual, expectation.expected, expectation.bound)
            if difference := compare_values(actual, expectation):
                assert difference.worst is not None
                run.worst, run.test_ratio = part.in_whole(difference.worst), ratio
                message = _disagreement(run.worst, expectation, is_own=is_own)
                return run.ends(Outcome.DISAGREES, message + (difference.hint and f"; {difference.hint}"))
            run.test_ratio = max(run.test_ratio, ratio)
        run.parts += 1
        run.entries += reference.layout.entries
        run.undecided += expectation.undecided if run.comparison != "none" else reference.layout.entries
        run.outcome = _outcome(run)

    def _call(self, run: _Run, problem: Problem, *, is_own: bool) -> Jacobians:
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            try:
                began = time.perf_counter()
                # The first call is not the one that counts as its time, where others follow.
                with contextlib.nullcontext() if run.calls_s else filled():
                    found = call_within(lambda: jacobians_of_part(run.method, problem), self._left())
                if is_own:
                    run.calls_s.append(time.perf_counter() - began)
            finally:
                for warning in heard:
                    text = str(warning.message).strip().split("\n")[0]
                    if not text.startswith(SAYS_NOTHING):
                        run.warnings[text] = None
        return found

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


def _outcome(run: _Run) -> Outcome:
    if run.undecided == run.entries > 0:
        return Outcome.UNDECIDED
    return Outcome.CONSISTENT if run.comparison == "estimate" else Outcome.AGREES


def _disagreement(worst: WorstEntry, expectation: Expectation, *, is_own: bool) -> str:
    if expectation.mode != "estimate":
        return f"{worst}, says the closed form"
    place = f"{worst.parameter}{list(worst.index)}"
    times = abs(worst.actual - worst.expected) / worst.bound if worst.bound else np.inf
    where = "" if is_own else "in float64, "
    return (
        f"{where}{place}: {worst.actual:.7g} instead of {worst.expected:.7g}, {times:.1e} × what rounding explains "
        f"(estimate {worst.bound:.1e}); {worst.wrong} of {worst.entries} entries wrong"
    )
