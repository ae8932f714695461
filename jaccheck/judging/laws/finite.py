"""The law that a sample which is not finite stays with itself: NaN or infinity in it changes no row but its own."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan

import numpy as np
import torch

from jaccheck.case import Case
from jaccheck.judging.comparison import compare
from jaccheck.judging.laws.calls import called
from jaccheck.judging.laws.law import Law, When
from jaccheck.judging.laws.trial import Trial
from jaccheck.judging.scripts.entries import Ending, entry, expected_of, name_of, shapes
from jaccheck.methods import Method, Problem
from jaccheck.oracle import Array, Layout
from jaccheck.reports import Failure, Outcome

CALL = "one sample not finite"


def not_finite(case: Case) -> tuple[int, float]:
    """Which sample is spoiled, and what all of it becomes: NaN, or infinity of either sign."""
    return case.seed % max(1, case.batch_size), (nan, inf, -inf)[case.seed // 7 % 3]


def _finite(trial: Trial) -> None:
    case = trial.case
    if case.batch_size < 2 or case.has_indices or case.input_form == "expanded":
        return
    problem = trial.reference.problem()
    if trial.method.spreads(problem):
        return
    sample, value = not_finite(case)
    spoil(problem, sample, value)
    found = called(trial, FINITE, problem, CALL)
    expectation = trial.reference.expectation(trial.method)
    # The spoiled sample's own rows may be anything.
    bound = without(trial.reference.layout, expectation.bound, sample)
    difference = compare(found, replace(expectation, bound=bound))
    if difference and (difference.structure or trial.is_within):
        raise FINITE.broken(Outcome.DISAGREES, difference.detail, call=CALL)


def spoil(problem: Problem, sample: int, value: float) -> None:
    """Writes the value into every number of the sample; of a loss into the inputs that its row stands for."""
    inputs = getattr(problem.model, "inputs", problem.X)
    with torch.no_grad():
        inputs[sample] = value


def without(layout: Layout, bound: Array, sample: int) -> Array:
    """The bound, infinite in all rows of a sample."""
    found = bound.copy()
    for part in layout.offsets().values():
        found[part].reshape(layout.N, -1)[sample] = np.inf
    return found


def _ending(case: Case, method: Method, failure: Failure) -> Ending:
    """The method called on the batch with one sample spoiled; what is expected is of the batch as it was."""
    sample, value = not_finite(case)
    inputs = "problem.X" if case.loss is None else "problem.model.inputs"
    changed = [
        "with torch.no_grad():",
        f"    {inputs}[{sample}] = float('{value}')",
    ]
    call = f"spoiled = {name_of(method)}(problem)"
    if failure.outcome is Outcome.CRASHED:
        return Ending([*changed, f"{call}  # {failure.message}"])
    if failure.worst is None:
        return Ending([*changed, call, *shapes("spoiled")])
    told = expected_of(failure.worst, "make_model()", "X")
    return Ending([*told, *changed, call, *entry("spoiled", failure.worst)])


FINITE = Law(
    name="finite samples",
    statement="NaN or infinity in one sample changes no row of another, unless the method says that it does",
    sees="a zero that is multiplied with another sample, as a mask or a sum over the batch",
    when=When.SELDOM,
    ask=_finite,
    ending=_ending,
)
