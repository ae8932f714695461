"""The law that a second call on the same network is right, too."""

from __future__ import annotations

import numpy as np
import torch

from jaccheck.case import Case
from jaccheck.judging.autograd import flattened
from jaccheck.judging.comparison import compare, worst_entry
from jaccheck.judging.laws.calls import called
from jaccheck.judging.laws.law import Law, When
from jaccheck.judging.laws.trial import Trial
from jaccheck.judging.scripts.entries import Ending, entry, expected_of, name_of, shapes
from jaccheck.methods import Method, Problem
from jaccheck.reports import Failure, Outcome, WrongEntry

SECOND = "second call on the same model, batch reversed, last weight negated"


def _repeatability(trial: Trial) -> None:
    reference = trial.reference.changed
    again = called(trial, REPEATABILITY, _renewed(trial.problem, reference.problem()), SECOND)
    first = flattened(trial.jacobians)
    if not np.array_equal(first, trial.flat, equal_nan=True):
        worst = worst_entry(trial.reference.layout, first, trial.flat, np.zeros_like(first))
        call = "a second call changed the result of the first"
        raise REPEATABILITY.broken(Outcome.SIDE_EFFECT, WrongEntry(worst=worst), call=call)
    difference = compare(again, reference.expectation(trial.method))
    if difference and (difference.structure or trial.is_within):
        raise REPEATABILITY.broken(Outcome.DISAGREES, difference.detail, call=SECOND)


def _renewed(problem: Problem, fresh: Problem) -> Problem:
    """The same live network with the numbers of a fresh one, as after a step of an optimiser, and its batch."""
    values = dict(fresh.model.named_parameters())
    with torch.no_grad():
        for name, p in problem.model.named_parameters():
            if name in values:
                p.copy_(values[name])
    return Problem(problem.model, fresh.X, fresh.C)


def _ending(case: Case, method: Method, failure: Failure) -> Ending:
    """The method called once more on the same network, with other numbers in it and the batch reversed."""
    prepared = [
        "def change(model):",
        "    with torch.no_grad():",
        f"        model.get_parameter({case.last_weight!r}).neg_()",
        "    return model",
        "",
        "reversed_X = X.detach().flip(0).requires_grad_(X.requires_grad)",
    ]
    first, second = f"J = {name_of(method)}(problem)", ["change(model)", "problem.X = reversed_X"]
    call = f"again = {name_of(method)}(problem)"
    if failure.outcome is Outcome.CRASHED:
        return Ending([*prepared, first, *second, f"{call}  # {failure.message}"])
    if failure.worst is None:
        return Ending([*prepared, first, *second, call, *shapes("again")])
    if failure.outcome is Outcome.SIDE_EFFECT:
        place = f"J[{failure.worst.parameter!r}][{', '.join(map(str, failure.worst.index))}].item()"
        shown = [f"print('actual  ', {place})", "print('expected', expected)"]
        return Ending([*prepared, first, f"expected = {place}", *second, call, *shown])
    expected = expected_of(failure.worst, "change(make_model())", "reversed_X")
    return Ending([*prepared, *expected, first, *second, call, *entry("again", failure.worst)])


REPEATABILITY = Law(
    name="repeatability",
    statement="a second call on the same network, with other weights and the batch reversed, is right and does not "
    "change the first result",
    sees="what is kept from call to call",
    when=When.REPEATED,
    ask=_repeatability,
    ending=_ending,
)
