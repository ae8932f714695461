"""Mutants of memory, within a result and from call to call: shared, stale, reused or accumulated tensors."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from torch import nn

from jaccheck.methods import Compute, Jacobians, Problem
from jaccheck.selftest.mutants.registry import mutant, stateful_mutant

repeatability = frozenset({"repeatability"})
out_argument = frozenset({"out argument"})
Kept = WeakKeyDictionary[nn.Module, Jacobians]


def copied(J: Jacobians) -> Jacobians:
    """The same values in memory of their own."""
    return {name: j.clone() for name, j in J.items()}


def _is_one_layer(problem: Problem) -> bool:
    """Where the weight's Jacobian is the input itself."""
    first, *others = problem.model.children()
    return problem.C == 1 and problem.N > 0 and isinstance(first, nn.Linear) and not others


@mutant(expected={"no aliasing"}, when=lambda problem: _is_one_layer(problem) and "0.weight" in problem.parameters)
def view_of_the_input(problem: Problem, J: Jacobians) -> Jacobians:
    """The Jacobian of a single layer's weight is a view of the input, not a copy."""
    return J | {"0.weight": problem.X.detach()[:, None, None, :]}


@mutant(expected={"no aliasing", "repeatability"}, base="batch_grad_repeated", when=lambda problem: problem.N > 0)
def view_as_gradient(problem: Problem, J: Jacobians) -> Jacobians:
    """A parameter's .grad is a view of the Jacobian that is returned, so zero_grad zeroes it."""
    name, p = next(iter(problem.parameters.items()))
    p.grad = J[name][0, 0]
    return J


@mutant(expected={"no aliasing"}, when=lambda problem: problem.N > 0 and len(problem.parameters) > 1)
def overlapping_tensors(problem: Problem, J: Jacobians) -> Jacobians:
    """The last Jacobian begins where the first one ends, if that entry has the same value."""
    (first, one), (last, other) = next(iter(J.items())), list(J.items())[-1]
    if one.view(-1)[-1] != other.view(-1)[0]:
        return J
    buffer = one.new_empty(one.numel() + other.numel() - 1)
    J[first] = buffer[: one.numel()].view_as(one)
    J[last] = buffer[one.numel() - 1 :].view_as(other)
    J[first].copy_(one)
    J[last].copy_(other)
    return J


@stateful_mutant(expected=repeatability)
def stale_batch(compute: Compute) -> Compute:
    """The result of the first call with a model is returned for every later batch."""
    kept: Kept = WeakKeyDictionary()

    def mutated(problem: Problem) -> Jacobians:
        if problem.model not in kept:
            kept[problem.model] = compute(problem)
        return copied(kept[problem.model])

    return mutated


@stateful_mutant(expected=repeatability)
def stale_weights(compute: Compute) -> Compute:
    """The weights of the first call with a model are used for ever, whatever an optimiser does to them."""
    kept: Kept = WeakKeyDictionary()

    def mutated(problem: Problem) -> Jacobians:
        θ = dict(problem.model.named_parameters())
        if problem.model not in kept:
            kept[problem.model] = {name: p.detach().clone() for name, p in θ.items()}
        now = {name: p.detach().clone() for name, p in θ.items()}
        for name, p in θ.items():
            p.data.copy_(kept[problem.model][name])
        J = compute(problem)
        for name, p in θ.items():
            p.data.copy_(now[name])
        return J

    return mutated


@stateful_mutant(expected=repeatability)
def accumulates(compute: Compute) -> Compute:
    """Each call with a model adds to what the call before returned, as backward does to .grad."""
    kept: Kept = WeakKeyDictionary()

    def mutated(problem: Problem) -> Jacobians:
        J = compute(problem)
        if problem.model in kept:
            J = {name: j + kept[problem.model][name] for name, j in J.items()}
        kept[problem.model] = copied(J)
        return J

    return mutated


@stateful_mutant(expected=repeatability)
def earlier_result_overwritten(compute: Compute) -> Compute:
    """All calls with a model return the same tensors, with new values in them."""
    kept: Kept = WeakKeyDictionary()

    def mutated(problem: Problem) -> Jacobians:
        J = compute(problem)
        if problem.model not in kept:
            kept[problem.model] = J
        for name, j in J.items():
            kept[problem.model][name].copy_(j)
        return dict(kept[problem.model])

    return mutated


@stateful_mutant(expected=repeatability)
def wrong_from_the_second_call(compute: Compute) -> Compute:
    """From the second call with a model on the result is doubled, as by hooks that were registered twice."""
    kept: Kept = WeakKeyDictionary()

    def mutated(problem: Problem) -> Jacobians:
        factor = 2 if problem.model in kept else 1
        kept[problem.model] = {}
        return {name: factor * j for name, j in compute(problem).items()}

    return mutated


@stateful_mutant(expected=out_argument)
def out_ignored(compute: Compute) -> Compute:
    """The tensors given as `out` are returned as they were."""

    def mutated(problem: Problem, *, out: Jacobians | None = None) -> Jacobians:
        J = compute(problem)
        return J if out is None else out

    return mutated


@stateful_mutant(expected=out_argument)
def out_copied(compute: Compute) -> Compute:
    """The tensors given as `out` are filled, but others of the same values are returned."""

    def mutated(problem: Problem, *, out: Jacobians | None = None) -> Jacobians:
        J = compute(problem, out=out)
        return J if out is None else copied(J)

    return mutated


@stateful_mutant(expected=out_argument)
def added_to_out(compute: Compute) -> Compute:
    """The Jacobians are added to what is in the tensors given as `out`, as if it were zero."""

    def mutated(problem: Problem, *, out: Jacobians | None = None) -> Jacobians:
        J = compute(problem)
        return J if out is None else {name: out[name].add_(j) for name, j in J.items()}

    return mutated


@stateful_mutant(expected=out_argument)
def zeros_not_written(compute: Compute) -> Compute:
    """Entries that are zero are left as they were in the tensors given as `out`."""

    def mutated(problem: Problem, *, out: Jacobians | None = None) -> Jacobians:
        J = compute(problem)
        if out is None:
            return J
        for name, j in J.items():
            out[name].copy_(j.where(j != 0, out[name]))
        return out

    return mutated


@stateful_mutant(expected=out_argument)
def out_taken_as_contiguous(compute: Compute) -> Compute:
    """The entries of tensors given as `out` are written one after the other, whatever their strides."""

    def mutated(problem: Problem, *, out: Jacobians | None = None) -> Jacobians:
        J = compute(problem)
        if out is None:
            return J
        for name, j in J.items():
            out[name].as_strided(j.shape, j.stride()).copy_(j)
        return out

    return mutated
