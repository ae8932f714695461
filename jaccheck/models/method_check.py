"""`MethodCheck`: one method on its way through the parts of a user's model."""

from __future__ import annotations

import contextlib
import sys
import warnings
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter
from typing import Literal

import numpy as np
import torch

from jaccheck.bench import DoesNotFit, call_within, resident_bytes
from jaccheck.core import filled, some_are
from jaccheck.errors import NotCovered
from jaccheck.judging import (
    Expectation,
    LeftBehind,
    Part,
    Reference,
    default_dtype,
    flattened_away,
    jacobians_of_part,
    largest_test_ratio,
    looked_at,
    made_float64,
    structural_difference,
)
from jaccheck.methods import Jacobians, Method, Problem, arrived, divisor_of, lacks
from jaccheck.models.convention import mistaken
from jaccheck.models.patience import TooSlow
from jaccheck.oracle import Array
from jaccheck.reports import MethodAnswer, Mode, Outcome, Spread, WorstEntry, raised

SAYS_NOTHING = ("Full backward hook is firing", "`torch.jit.script` is deprecated")
"""Warnings of torch's, about BackPACK's hooks on each call and about itself, which no user can act on."""


OWN_MODULE = "<class 'jaccheck."
"""In warnings about modules that jaccheck has put around a user's model."""


@dataclass(slots=True)
class Standing:
    """How a method stands in one dtype, after the parts that were compared."""

    outcome: Outcome = Outcome.NOT_RUN
    message: str = ""
    comparison: Mode | Literal["none"] = "none"
    worst: WorstEntry | None = None
    test_ratio: float = 0.0
    entries: int = 0
    undecided: int = 0
    between: int = 0
    """Entries further off than rounding usually leads, and not so far that they are wrong."""
    for_nan: int = 0
    """Those of them that are numbers where the reference is NaN."""
    nan_entries: int = 0
    nan_parameters: dict[str, None] = field(default_factory=dict)
    lost_entries: int = 0
    """Entries that are no numbers in a result that is not wrong: autograd in this dtype has none either."""
    lost_parameters: dict[str, None] = field(default_factory=dict)

    def ends(self, outcome: Outcome, message: str) -> None:
        """Nothing more is asked of it."""
        self.outcome, self.message = outcome, message

    @property
    def is_open(self) -> bool:
        """Whether nothing speaks against it so far."""
        return self.outcome.is_usable or self.outcome in (Outcome.NOT_RUN, Outcome.UNDECIDED)

    def adds(self, actual: Array, expectation: Expectation, part: Part) -> bool:
        """Takes in what the method returned for a part; whether that is wrong."""
        e = expectation
        self.comparison = e.mode
        ratio = largest_test_ratio(actual, e.expected, e.bound)
        judged = looked_at(actual, e)
        if difference := judged.difference:
            assert difference.worst is not None
            self.worst, self.test_ratio = part.in_whole(difference.worst), ratio
            hint = difference.hint and f"; {difference.hint}"
            self.ends(Outcome.DISAGREES, _disagreement(self.worst, e) + hint)
            return True
        self.test_ratio = max(self.test_ratio, ratio)
        self.entries += e.layout.entries
        self.undecided += e.undecided
        self.between += judged.undecided
        if judged.undecided:
            self.for_nan += int(np.count_nonzero(np.isnan(e.expected) & ~np.isnan(actual)))
        for name, place in e.layout.offsets().items():
            if count := int(np.count_nonzero(np.isnan(actual[place]) & np.isnan(e.expected[place]))):
                self.nan_entries += count
                self.nan_parameters[name] = None
            if count := int(np.count_nonzero(~np.isfinite(actual[place]) & np.isfinite(e.expected[place]))):
                self.lost_entries += count
                self.lost_parameters[name] = None
        self.stands()
        return False

    def stands(self) -> None:
        """Its outcome so far: what is mostly undecided, or lies between right and wrong, is not known to be right."""
        is_known = (
            2 * self.undecided <= self.entries if self.comparison == "estimate" else self.undecided < self.entries
        )
        is_known &= self.nan_entries < self.entries  # where everything is NaN, nothing was compared
        usable = Outcome.CONSISTENT if self.comparison == "estimate" else Outcome.AGREES
        self.outcome = usable if (is_known or not self.entries) and not self.between else Outcome.UNDECIDED
        if self.between:
            told = (
                (self.for_nan, "numbers where the reference, autograd of one sample, is NaN"),
                (self.between - self.for_nan, "further off than rounding usually leads, not far enough to be wrong"),
            )
            words = (f"{some_are(count, self.entries, 'entry', 'entries')} {what}" for count, what in told if count)
            self.message = "; ".join(words)


@dataclass(slots=True)
class MethodCheck:
    """One method on its way through the parts."""

    method: Method
    own: Standing = field(default_factory=Standing)
    """In the model's own dtype."""
    double: Standing = field(default_factory=Standing)
    """In float64, where that is another one."""
    parts: int = 0
    spent: float = 0.0
    calls_s: list[float] = field(default_factory=list)
    """Times of the calls that were compared, in the model's own dtype."""
    loads: bool = False
    """Whether modules were imported in one of them, which takes time only once."""
    warm: Spread | None = None
    """Of calls timed in turns with other methods, after the first."""
    peak: float | None = None
    remarks: dict[str, None] = field(default_factory=dict)
    warnings: dict[str, None] = field(default_factory=dict)
    left: LeftBehind = field(default_factory=LeftBehind)

    def ends(self, outcome: Outcome, message: str) -> None:
        """Nothing more is asked of the method."""
        self.own.ends(outcome, message)

    @property
    def outcome(self) -> Outcome:
        """In the model's own dtype."""
        return self.own.outcome

    @property
    def message(self) -> str:
        """The same."""
        return self.own.message

    @property
    def entries(self) -> int:
        """Compared in the model's own dtype."""
        return self.own.entries

    @property
    def is_open(self) -> bool:
        """Whether nothing speaks against the method so far, in either dtype."""
        return self.own.is_open and self.double.outcome is not Outcome.DISAGREES

    @property
    def is_wrong(self) -> bool:
        """Whether its numbers are, in either dtype."""
        return Outcome.DISAGREES in (self.own.outcome, self.double.outcome)

    @property
    def is_worth_timing(self) -> bool:
        """Whether it may be usable."""
        return self.is_open and self.own.outcome is not Outcome.NOT_RUN and not self.left.is_around

    def answer(self, parts: int) -> MethodAnswer:
        """What is known of it in the end."""
        own, double = self.own, self.double
        partly = self.is_open and 0 < self.parts < parts
        come = f"{self.parts} of {parts} parts compared, the others not" if partly else ""
        return MethodAnswer(
            method=self.method.name,
            outcome=own.outcome,
            message=own.message,
            comparison=own.comparison,
            worst=own.worst,
            test_ratio=own.test_ratio,
            entries=own.entries,
            undecided=own.undecided,
            in_float64=None if double.outcome is Outcome.NOT_RUN else double.outcome,
            message_in_float64=double.message,
            comparison_in_float64=double.comparison,
            worst_in_float64=double.worst,
            test_ratio_in_float64=double.test_ratio,
            undecided_in_float64=double.undecided,
            nan_entries=own.nan_entries,
            nan_parameters=tuple(own.nan_parameters),
            lost_entries=own.lost_entries,
            lost_parameters=tuple(own.lost_parameters),
            chunks=self.parts,
            median_s=self.warm.median_s if self.warm else median(self.calls_s) if self.calls_s else None,
            warm=self.warm,
            peak=self.peak,
            warnings=tuple(self.warnings),
            left=tuple(self.left.told),
            remarks=tuple(text for text in (come, *self.remarks) if text),
        )

    def compare(self, whole: Problem, part: Part, reference: Reference, memory: int) -> None:
        """Compares what the method makes of a part of a problem; its crash becomes its outcome here."""
        for expectation in reference.expectations(self.method):
            is_own, problem = expectation.dtype == whole.dtype, part.of(whole)
            standing = self.own if is_own else self.double
            if not standing.is_open:
                continue
            with default_dtype(None if is_own else torch.float64):
                self._compare(problem if is_own else made_float64(problem), part, expectation, standing, memory)
        self.parts += self.own.is_open

    def _compare(self, problem: Problem, part: Part, expectation: Expectation, standing: Standing, memory: int) -> None:
        is_own = standing is self.own
        if refusal := self.method.refuses(problem):
            return standing.ends(Outcome.UNSUPPORTED, f"in parts of its outputs: {refusal}")
        by, N, dtypes = divisor_of(problem), problem.N, problem.dtypes  # as long as its model is what it was
        try:
            with self.left.watched(problem, self.method.leaves):
                jacobians = self._call(problem, memory, is_own=is_own)
        except DoesNotFit as error:
            return standing.ends(Outcome.TOO_LARGE, str(error))
        except NotCovered as refusal:
            return standing.ends(Outcome.UNSUPPORTED, str(refusal))
        except (TooSlow, KeyboardInterrupt):
            raise
        except BaseException as error:  # told here: the words of a process that ends may be lost with its files
            if operation := lacks(expectation.device, error):
                return standing.ends(Outcome.UNSUPPORTED, f"the device {expectation.device} has no {operation}")
            return standing.ends(Outcome.CRASHED, str(raised(error)))
        del problem
        if wrong := structural_difference(expectation.layout, dtypes, expectation.device, jacobians):
            return standing.ends(Outcome.DISAGREES, str(wrong))
        if self.method.step and expectation.mode == "estimate":
            self.remarks["a difference quotient has an error of its own, for which nothing is estimated"] = None
            standing.entries += expectation.layout.entries
            standing.undecided += expectation.layout.entries
            standing.outcome = Outcome.UNDECIDED
            return None
        actual = flattened_away(jacobians)
        if standing.adds(actual, expectation, part) and by:
            mistake = mistaken(actual, expectation, self.method.returns, by, N)
            standing.message += mistake and f"; {mistake}"
        return None

    def _call(self, problem: Problem, memory: int, *, is_own: bool) -> Jacobians:
        device = problem.device  # what a method leaves on may keep it from being read
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            try:
                modules, began = len(sys.modules), perf_counter()
                # The first call is not the one that counts as its time, where others follow.
                with contextlib.nullcontext() if self.calls_s else filled():
                    found = call_within(lambda: jacobians_of_part(self.method, problem), memory - resident_bytes())
                    arrived(found, device)
                if is_own:
                    self.calls_s.append(perf_counter() - began)
                    self.loads |= len(sys.modules) > modules or self.method.compiles
            finally:
                for warning in heard:
                    text = str(warning.message).strip().split("\n")[0]
                    if not text.startswith(SAYS_NOTHING) and OWN_MODULE not in text:
                        self.warnings[text] = None
        return found


def _disagreement(worst: WorstEntry, expectation: Expectation) -> str:
    if expectation.mode != "estimate":
        return f"{worst}, says the closed form"
    return worst.told("estimate")
