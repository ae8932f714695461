"""The law that a method writes every entry of the memory that it is given."""

from __future__ import annotations

import torch

from jaccheck.case import Case
from jaccheck.judging.comparison import Difference, compare
from jaccheck.judging.laws.calls import called
from jaccheck.judging.laws.law import Law, NotAsked, When
from jaccheck.judging.laws.trial import Trial
from jaccheck.judging.scripts.entries import Ending, entry, expected_of, name_of, shapes
from jaccheck.methods import Jacobians, Method, Problem
from jaccheck.reports import Failure, Outcome, WrongStructure

CALL = "`out` that held NaN"
OTHERS = WrongStructure(aspect="tensors", actual="other tensors", expected="those given")


def _out_argument(trial: Trial) -> None:
    if not trial.method.takes_out:
        raise NotAsked
    problem = trial.reference.problem()
    given = filled_with_nan(problem, as_columns=is_given_columns(trial.case))
    returned = called(trial, OUT_ARGUMENT, problem, CALL, out=dict(given))
    difference = compare(returned, trial.reference.expectation(trial.method))
    if not (difference and difference.structure) and any(returned[name] is not given[name] for name in given):
        difference = Difference(structure=OTHERS)
    if difference and (difference.structure or trial.is_within):
        raise OUT_ARGUMENT.broken(Outcome.DISAGREES, difference.detail, call=CALL)


def is_given_columns(case: Case) -> bool:
    """Whether the law hands over columns of one matrix, as it does for every other seed."""
    return case.seed % 2 == 1


def filled_with_nan(problem: Problem, *, as_columns: bool) -> Jacobians:
    """Memory for the Jacobians, full of NaN: each in a tensor of its own, or all as columns of one `(N, C, all θ)`."""
    θ, NC = problem.parameters, (problem.N, problem.C)
    if not as_columns:
        return {name: p.new_full((*NC, *p.shape), torch.nan, requires_grad=False) for name, p in θ.items()}
    widths = [p.numel() for p in θ.values()]
    matrix = next(iter(θ.values())).new_full((*NC, sum(widths)), torch.nan, requires_grad=False)
    columns = torch.split(matrix, widths, dim=2)
    return {name: part.view(*NC, *p.shape) for (name, p), part in zip(θ.items(), columns, strict=True)}


def _ending(case: Case, method: Method, failure: Failure) -> Ending:
    """The method called with memory full of NaN to write into."""
    if is_given_columns(case):
        given = [
            "widths = [p.numel() for p in parameters.values()]",
            "columns = X.new_full((len(X), problem.C, sum(widths)), torch.nan, requires_grad=False).split(widths, 2)",
            "out = {name: part.unflatten(2, p.shape) for (name, p), part in zip(parameters.items(), columns)}",
        ]
    else:
        given = [
            "shapes = {name: (len(X), problem.C, *p.shape) for name, p in parameters.items()}",
            "out = {name: X.new_full(shape, torch.nan, requires_grad=False) for name, shape in shapes.items()}",
        ]
    call = f"J = {name_of(method)}(problem, out=dict(out))"
    if failure.outcome is Outcome.CRASHED:
        return Ending([*given, f"{call}  # {failure.message}"])
    if failure.worst is not None:
        return Ending([*expected_of(failure.worst, "make_model()", "X"), *given, call, *entry("out", failure.worst)])
    if failure.detail != OTHERS:
        return Ending([*given, call, *shapes("J")])
    same = "[J[name] is out[name] for name in out]"
    return Ending([*given, call, f"print('actual  ', {same})", "print('expected', [True] * len(out))"])


OUT_ARGUMENT = Law(
    name="out argument",
    statement="tensors given as `out=` are filled in every entry, and are what is returned",
    when=When.REPEATED,
    ask=_out_argument,
    ending=_ending,
    applies=lambda method: method.takes_out,
)
