"""Mutants that a call on a related problem shows: results kept by too little, networks kept for ever."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from jaccheck.methods import Compute, Jacobians, Problem
from jaccheck.selftest.mutants.registry import mutant, stateful_mutant

batch = frozenset({"batch"})
outputs = frozenset({"outputs"})
freed_memory = frozenset({"freed memory"})
finite = frozenset({"finite samples"})

Key = tuple[object, ...]


def _bytes(tensors: list[Tensor]) -> Key:
    return tuple((str(t.dtype), t.detach().double().cpu().numpy().tobytes()) for t in tensors)


def _network(problem: Problem) -> Key:
    """The network with all its numbers, and which of them are trainable."""
    return (
        repr(problem.model),
        tuple(problem.parameters),
        _bytes([*problem.model.parameters(), *problem.model.buffers()]),
    )


@stateful_mutant(expected=batch, when=lambda problem: problem.N > 1)
def kept_by_samples(compute: Compute) -> Compute:
    """Rows are kept for a network and a set of samples, and taken again by position, in whatever order they come."""
    kept: dict[Key, Jacobians] = {}

    def mutated(problem: Problem) -> Jacobians:
        J = compute(problem)
        key = (*_network(problem), frozenset(_bytes(list(problem.X))))
        rows = kept.setdefault(key, {name: j.clone() for name, j in J.items()})
        return {name: torch.cat([rows[name][: len(j)], j[len(rows[name]) :]]) for name, j in J.items()}

    return mutated


@mutant(expected={"batch", "agreement"}, when=lambda problem: problem.N > 0)
def duplicates_dropped(problem: Problem, J: Jacobians) -> Jacobians:
    """A sample that stands in the batch more than once has its Jacobian once and zeros after that."""
    rows = problem.X.detach().flatten(1)
    for n in range(1, problem.N):
        if bool((rows[:n] == rows[n]).all(dim=1).any()):
            for j in J.values():
                j[n] = 0
    return J


@stateful_mutant(expected=outputs)
def kept_by_trainable_layers(compute: Compute) -> Compute:
    """Results are kept by input and trainable layers; a change of frozen ones goes unnoticed."""
    kept: dict[Key, Jacobians] = {}

    def mutated(problem: Problem) -> Jacobians:
        leaves = [module for module in problem.model.modules() if not list(module.children())]
        seen = [m for m in leaves if all(p.requires_grad for p in m.parameters())]
        numbers = [t for module in seen for t in (*module.parameters(), *module.buffers())]
        key = (repr(seen), tuple(problem.parameters), _bytes([*numbers, problem.X]), problem.X.requires_grad)
        if key not in kept or next(iter(kept[key].values())).shape[1] < problem.C:
            kept[key] = compute(problem)
        return {name: j[:, : problem.C].clone() for name, j in kept[key].items()}

    return mutated


@stateful_mutant(expected={"outputs", "agreement"})
def frozen_last_layer_skipped(compute: Compute) -> Compute:
    """A last layer that is frozen is taken for the identity."""

    def mutated(problem: Problem) -> Jacobians:
        *below, last = problem.model.children()
        is_trained = any(p.requires_grad for p in last.parameters())
        if not isinstance(last, nn.Linear) or is_trained or last.in_features < problem.C:
            return compute(problem)
        J = compute(Problem(nn.Sequential(*below), problem.X, last.in_features))
        return {name: j[:, : problem.C].clone() for name, j in J.items()}

    return mutated


@mutant(expected=finite, when=lambda problem: problem.N > 1)
def masked_by_zeros(problem: Problem, J: Jacobians) -> Jacobians:
    """To each row zero times the sum of the batch is added, as by a mask that multiplies."""
    nothing = 0 * problem.X.detach().sum()
    return {name: j + nothing.to(j.dtype) for name, j in J.items()}


@stateful_mutant(expected=finite, when=lambda problem: problem.N > 1)
def not_finite_replaced(compute: Compute) -> Compute:
    """Where a sample is not finite, all of the batch is put within [0, 1] first, as nan_to_num and a rescaling do."""

    def mutated(problem: Problem) -> Jacobians:
        X = problem.X.detach()
        if not X.is_floating_point() or bool(X.isfinite().all()):
            return compute(problem)
        tame = X.nan_to_num(0.0, 0.0, 0.0)
        return compute(Problem(problem.model, (tame - tame.min()) / (tame.max() - tame.min() + 1), problem.C))

    return mutated


@mutant(expected=freed_memory)
def kept_network(problem: Problem, J: Jacobians) -> Jacobians:
    """The last network stays in a list of the module."""
    _KEPT[:] = [problem.model]
    return J


_KEPT: list[nn.Module] = []


@mutant(expected=freed_memory)
def network_in_results(problem: Problem, J: Jacobians) -> Jacobians:
    """Every Jacobian holds the network as an attribute, so that whoever keeps a result keeps the network."""
    for j in J.values():
        j.network = problem.model  # type: ignore[attr-defined]
    return J
