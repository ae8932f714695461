"""`MethodCheck`: one method on its way through the parts of a user's model."""

from __future__ import annotations

import contextlib
import time
import warnings
from dataclasses import dataclass, field
from statistics import median
from typing import Literal

import numpy as np

from jaccheck.bench import DoesNotFit, call_within, resident_bytes
from jaccheck.core import filled
from jaccheck.judging import (
    Expectation,
    Part,
    Reference,
    compare_values,
    flattened_away,
    in_float64,
    jacobians_of_part,
    largest_test_ratio,
    structural_difference,
)
from jaccheck.methods import Jacobians, Method, Problem
from jaccheck.reports import MethodAnswer, Mode, Outcome, WorstEntry, raised

SAYS_NOTHING = "Full backward hook is firing"
"""A warning of torch's about BackPACK's hooks on each call, which no user can act on."""


@dataclass(slots=True)
class MethodCheck:
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

    def compare(self, whole: Problem, part: Part, reference: Reference, memory: int) -> None:
        """Compares what the method makes of a part of a problem; its crash becomes its outcome here."""
        for expectation in reference.expectations(self.method):
            is_own, problem = expectation.dtype == whole.dtype, part.of(whole)
            problem = problem if is_own else in_float64(problem)
            if refusal := self.method.refuses(problem):
                return self.ends(Outcome.UNSUPPORTED, f"in parts of its outputs: {refusal}")
            try:
                jacobians = self._call(problem, memory, is_own=is_own)
            except DoesNotFit as error:
                if is_own:
                    return self.ends(Outcome.TOO_LARGE, str(error))
                self.remarks[f"not compared in float64, which needs {error}"] = None
                continue
            except (Exception, SystemExit) as error:
                message = str(raised(error))
                if is_own:
                    return self.ends(Outcome.CRASHED, message)
                self.remarks[f"not compared in float64: {message}"] = None
                continue
            del problem
            if wrong := structural_difference(expectation.layout, expectation.dtype, expectation.device, jacobians):
                return self.ends(Outcome.DISAGREES, str(wrong))
            if self.method.step and expectation.mode == "estimate":
                self.remarks["a difference quotient has an error of its own, for which nothing is estimated"] = None
                continue
            self.comparison, actual = expectation.mode, flattened_away(jacobians)
            ratio = largest_test_ratio(actual, expectation.expected, expectation.bound)
            if difference := compare_values(actual, expectation):
                assert difference.worst is not None
                self.worst, self.test_ratio = part.in_whole(difference.worst), ratio
                message = _disagreement(self.worst, expectation, is_own=is_own)
                return self.ends(Outcome.DISAGREES, message + (difference.hint and f"; {difference.hint}"))
            self.test_ratio = max(self.test_ratio, ratio)
        self.parts += 1
        self.entries += reference.layout.entries
        self.undecided += expectation.undecided if self.comparison != "none" else reference.layout.entries
        self.outcome = self._standing()

    def _call(self, problem: Problem, memory: int, *, is_own: bool) -> Jacobians:
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            try:
                began = time.perf_counter()
                # The first call is not the one that counts as its time, where others follow.
                with contextlib.nullcontext() if self.calls_s else filled():
                    found = call_within(lambda: jacobians_of_part(self.method, problem), memory - resident_bytes())
                if is_own:
                    self.calls_s.append(time.perf_counter() - began)
            finally:
                for warning in heard:
                    text = str(warning.message).strip().split("\n")[0]
                    if not text.startswith(SAYS_NOTHING):
                        self.warnings[text] = None
        return found

    def _standing(self) -> Outcome:
        if self.undecided == self.entries > 0:
            return Outcome.UNDECIDED
        return Outcome.CONSISTENT if self.comparison == "estimate" else Outcome.AGREES


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
