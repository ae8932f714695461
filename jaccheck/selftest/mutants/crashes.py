"""Mutants that raise: on a case that the method does not declare as unsupported."""

from __future__ import annotations

from weakref import WeakSet

import torch
from torch import nn

from jaccheck.methods import Compute, Jacobians, Problem
from jaccheck.selftest.mutants.registry import mutant, stateful_mutant

exception = frozenset({"no exception"})
RARE_WIDTH = 9


@mutant(expected=exception, when=lambda problem: any(RARE_WIDTH in p.shape for p in problem.parameters.values()))
def crash_at_a_rare_width(problem: Problem, J: Jacobians) -> Jacobians:
    """Raises for layers of width 9."""
    raise RuntimeError("shape mismatch")


@mutant(expected=exception, when=lambda problem: problem.N == 0)
def crash_on_the_empty_batch(problem: Problem, J: Jacobians) -> Jacobians:
    """Raises for N = 0, undeclared."""
    raise IndexError("index 0 is out of bounds for dimension 0 with size 0")


@mutant(expected=exception, dtypes=("bfloat16",))
def crash_in_bfloat16(problem: Problem, J: Jacobians) -> Jacobians:
    """Raises for bfloat16, undeclared."""
    raise NotImplementedError("not implemented for 'BFloat16'")


@stateful_mutant(expected=exception, when=lambda problem: not problem.X.is_contiguous())
def crash_on_strided_input(compute: Compute) -> Compute:
    """Calls view on an input that is not contiguous."""

    def mutated(problem: Problem) -> Jacobians:
        problem.X.view(-1)
        return compute(problem)

    return mutated


@mutant(expected=exception, when=lambda problem: any(isinstance(m, nn.SELU) for m in problem.model.modules()))
def crash_on_an_unknown_layer(problem: Problem, J: Jacobians) -> Jacobians:
    """Raises for a layer that it does not know, undeclared."""
    raise KeyError("SELU")


@mutant(expected=exception, when=lambda problem: bool(torch.isneginf(problem.X.abs().log()).all()))
def crash_on_zeros(problem: Problem, J: Jacobians) -> Jacobians:
    """Raises where all of the input is zero."""
    raise ZeroDivisionError("float division by zero")


@stateful_mutant(expected={"repeatability"})
def crash_on_the_second_call(compute: Compute) -> Compute:
    """Raises when it is called twice with the same model, as on a graph that was freed."""
    seen: WeakSet[nn.Module] = WeakSet()

    def mutated(problem: Problem) -> Jacobians:
        if problem.model in seen:
            raise RuntimeError("Trying to backward through the graph a second time")
        seen.add(problem.model)
        return compute(problem)

    return mutated
