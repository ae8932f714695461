"""The laws of batches, of outputs and of freed memory: asked as said, right about right methods, and seldom enough."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from jaccheck.case import Case, Flatten, Linear, ReLU, boundary_cases
from jaccheck.judging import LAWS, REPEATED, judge, laws_due
from jaccheck.judging.laws.finite import spoil
from jaccheck.judging.laws.freed_memory import FREED_MEMORY
from jaccheck.judging.laws.laws import CALLED_ONCE, RELATED, SELDOM
from jaccheck.judging.laws.related import OUTPUTS, has_head, rotated, turned
from jaccheck.methods import Jacobians, Method, Problem, build, calm_torch, choose_methods
from jaccheck.reports import Outcome
from jaccheck.selftest import catalogue

PLAIN = Case(layers=(Linear(out_features=2), ReLU(), Linear(out_features=2)), in_shape=(2,), batch_size=3, seed=1)
CASE = Case(layers=(Linear(out_features=4), ReLU(), Linear(out_features=3)), in_shape=(2,), batch_size=3, seed=1)


@pytest.mark.parametrize("method", choose_methods(()), ids=lambda method: method.name)
def test_right_methods_keep_them(method: Method) -> None:
    """Exact, by bound, of one sample, of one output, of none."""
    cases = [
        *boundary_cases("generic", "float32"),
        *boundary_cases("batched_scalar", "float64"),
        *boundary_cases("single_sample", "bfloat16")[:1],
        *boundary_cases("smooth", "float32")[:1],
        *boundary_cases("empty_batch", "float64")[:1],
        *boundary_cases("branches", "float32")[:1],
    ]
    with calm_torch():
        for case in cases:
            verdict = judge(case, method, laws=RELATED)
            assert not verdict.failures or verdict.outcome is Outcome.UNSUPPORTED, (case, verdict)


@pytest.mark.parametrize("method", choose_methods(()), ids=lambda method: method.name)
def test_what_spreads_does(method: Method) -> None:
    """A method spoils the rows of other samples on a plain network if it says so, and only then."""
    problem = build(PLAIN)
    if method.refuses(problem):
        pytest.skip("it does not cover the network")
    right = method.compute(problem)
    is_kept = True
    for value in (torch.nan, torch.inf):
        spoiled = build(PLAIN)
        spoil(spoiled, 1, value)
        try:
            found = method.compute(spoiled)
        except ValueError:  # no row at all is left
            found = {name: torch.full_like(j, torch.nan) for name, j in right.items()}
        is_kept &= all(torch.equal(right[name][[0, 2]], found[name][[0, 2]]) for name in right)
    assert is_kept is not method.spreads(problem)


def test_the_batch_is_another_one() -> None:
    """All samples, another number of them, in another order, one of them twice."""
    for N in range(1, 9):
        assert sorted(rotated(N)) == sorted([*range(N), N // 2])
        assert N == 1 or rotated(N)[:N] != list(range(N))
    assert rotated(0) == []


def test_the_outputs_are_other_ones() -> None:
    """In reverse, with both signs where there are two, the first one left out where it is not alone."""
    assert turned(1) == [(0, -1)]
    assert turned(4) == [(3, -1), (2, 1), (1, -1)]
    assert not has_head(replace(CASE, layers=(Linear(out_features=1), Flatten(start_dim=0))))
    assert has_head(CASE)


def test_a_cycle_is_no_leak() -> None:
    """What the collector frees is free; what a list holds is not."""

    def compute(problem: Problem) -> Jacobians:
        J = catalogue()["kept_network"].method().compute(problem) if keep else right.compute(problem)
        cycle: list[object] = [problem.model]
        cycle.append(cycle)
        return J

    right = choose_methods(["autograd_loop"])[0]
    with calm_torch():
        for keep, outcome in ((False, Outcome.UNDECIDED), (True, Outcome.SIDE_EFFECT)):
            found = judge(CASE, replace(right, compute=compute), laws=(FREED_MEMORY,))
            assert {failure.law for failure in found.failures} == ({"freed memory"} if keep else set()), outcome


def test_a_module_that_is_held_is_named() -> None:
    """Also where the network around it is free."""
    held: list[torch.nn.Module] = []

    def compute(problem: Problem) -> Jacobians:
        held.append(problem.model[2])  # type: ignore[index]
        return right.compute(problem)

    right = choose_methods(["autograd_loop"])[0]
    with calm_torch():
        (failure,) = judge(CASE, replace(right, compute=compute), laws=(FREED_MEMORY,)).failures
    assert failure.message == "its module 2 is held in memory after the call, beside 4 Jacobians"


def test_a_frozen_head_that_is_refused_is_not_asked_for() -> None:
    """A method that says beforehand that it takes no frozen parameter is held to nothing else."""

    def frozen(problem: Problem) -> str | None:
        has_frozen = len(list(problem.model.parameters())) > len(problem.parameters)
        return "a frozen parameter" if has_frozen else None

    def compute(problem: Problem) -> Jacobians:
        assert not frozen(problem)
        return right.compute(problem)

    right = choose_methods(["autograd_loop"])[0]
    with calm_torch():
        for unsupported, laws in ((frozen, set()), (right.unsupported, {"outputs"})):
            found = judge(CASE, replace(right, compute=compute, unsupported=unsupported), laws=(OUTPUTS,))
            assert {failure.law for failure in found.failures} == laws


def test_the_head_is_in_the_mode_of_the_network() -> None:
    """A method that asks for evaluation mode is asked about a network that is all in it."""
    modes: set[bool] = set()

    def compute(problem: Problem) -> Jacobians:
        modes.update(module.training for module in problem.model.modules())
        return right.compute(problem)

    right = choose_methods(["autograd_loop"])[0]
    with calm_torch():
        assert not judge(CASE, replace(right, compute=compute), laws=(OUTPUTS,)).failures
    assert modes == {False}


def test_a_crash_on_a_related_problem_is_told() -> None:
    """With the problem on which it came."""

    def compute(problem: Problem) -> Jacobians:
        if problem.N != 3:
            raise RuntimeError("three samples only")
        return right.compute(problem)

    right = choose_methods(["autograd_loop"])[0]
    with calm_torch():
        verdict = judge(CASE, replace(right, compute=compute), laws=RELATED)
    assert verdict.outcome is Outcome.CRASHED
    said = "batch rotated, its first sample twice: raised RuntimeError: three samples only (test_related.py, line "
    assert verdict.message.startswith(said)
    assert torch.is_grad_enabled()


def test_each_law_has_its_turn() -> None:
    """Over enough cases all are asked; those that call again, no more often than said."""
    for every in (1, 2, 4):
        turns = [laws_due(position, every) for position in range(every * SELDOM * 3)]
        assert set().union(*turns) == set(LAWS)
        assert all(set(CALLED_ONCE) <= set(laws) for laws in turns)
        for law in (*REPEATED[len(CALLED_ONCE) :], *RELATED):
            share = every if law in REPEATED else SELDOM
            assert sum(law in laws for laws in turns) == len(turns) // share
