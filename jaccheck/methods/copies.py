"""Copies of a user's model, and whether a copy *is* the model.

Everything is run on copies. `copy.deepcopy` takes functions as they are: a hook, a replaced `forward` or an attribute
that holds the model, or a layer of it, in a closure still computes with the model's own parameters. The parameters of
such a copy are not used, and their Jacobian is zero: the truth about nothing.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from jaccheck.errors import InvalidModel
from jaccheck.methods.module_state import changed, state_of, walk
from jaccheck.methods.problem import Problem

DIFFERENT_ROUNDINGS = 256
"""Unit roundoffs of the largest output by which the same model may differ from run to run, on other memory."""

NAMED = 3
"""Of many names, so many are told."""


def deep_copy(model: nn.Module) -> nn.Module:
    """A copy that shares no tensor with the model.

    `copy.deepcopy` refuses tensors that were computed, as `torch.nn.utils.weight_norm` keeps them; they are copied
    as numbers. `check_copy` finds where that changes what the model is.
    """
    computed = {id(value): value for _, value in walk(model) if isinstance(value, Tensor) and not value.is_leaf}
    with torch.no_grad():  # where gradients are on, torch.jit copies parameters as computed from the model's own
        known: dict[int, object] = {key: value.detach().clone() for key, value in computed.items()}
        copied = copy.deepcopy(model, _empty_containers(model) | known)
    for own, p in zip(model.parameters(), copied.parameters(), strict=False):
        if p.is_leaf and p.requires_grad != own.requires_grad:
            p.requires_grad_(own.requires_grad)
    return copied


def _empty_containers(model: nn.Module) -> dict[int, object]:
    """New empty containers by the identities of the model's own: the dozen dictionaries of hooks that each module has,
    of which `copy.deepcopy` takes half of its time to find out that they are empty.
    """
    kinds = (OrderedDict, dict, set)
    held = (value for module in model.modules() for value in vars(module).values())
    return {id(value): type(value)() for value in held if type(value) in kinds and not value}


def check_copy(problem: Problem) -> None:
    """Nothing, or InvalidModel where a copy of the model is not the model.

    The parameters that the graph of the copy's output reaches must be the copy's own. Where a forward pass changes
    nothing, the model itself is run once too: output and parameters reached must be the same.
    """
    own, copied = problem.model, deep_copy(problem.model)
    before, generator = state_of(copied), torch.get_rng_state()
    f = run(copied, problem.X)
    leaves = list(leaves_of(f))
    if foreign := list(map(problem.told, _reached(own, leaves))):
        raise InvalidModel(
            f"a copy of the model computes with {named(foreign)} of the model itself: a hook, a replaced forward, an "
            "attribute or a loss holds the model or a part of it; let it use what it is given, or register that as a "
            "submodule"
        )
    if not torch.equal(generator, torch.get_rng_state()) or changed(before, state_of(copied)):
        return
    g = run(own, problem.X)
    kept = _reached(copied, leaves)
    if lost := [name for name in _reached(own, leaves_of(g)) if name not in kept]:
        computed = [name for name, value in walk(own) if isinstance(value, Tensor) and not value.is_leaf]
        lost, computed = (list(map(problem.told, names)) for names in (lost, computed))
        why = f"; {named(computed)} was computed before and is not computed again" if computed else ""
        raise InvalidModel(f"the output depends on {named(lost)}, that of a copy of the model does not{why}")
    limit = DIFFERENT_ROUNDINGS * torch.finfo(f.dtype).eps * largest(f)
    if f.shape != g.shape or differ(f, g, limit):
        raise InvalidModel(
            "a copy of the model made with copy.deepcopy gives another output than the model: it is copied in part, "
            "or shares a state with its copies"
        )


def run(model: nn.Module, X: Tensor) -> Tensor:
    """What the model returns for a copy of X, with gradients enabled, since a forward pass may compute some."""
    with torch.enable_grad():
        f: Tensor = model(X.detach().clone().requires_grad_(X.requires_grad))
    return f


def leaves_of(f: Tensor) -> Iterator[Tensor]:
    """The tensors in which the graph of `f` ends."""
    for node in nodes_of(f):
        if isinstance(leaf := getattr(node, "variable", None), Tensor) and leaf.is_leaf:
            yield leaf


def nodes_of(f: Tensor) -> Iterator[object]:
    """Every operation in the graph of `f`, once."""
    waiting: list[object] = [f.grad_fn]
    seen: set[object] = {None}
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        yield node
        waiting += [following for following, _ in node.next_functions]


def named(names: list[str]) -> str:
    """The first of these names, and how many more there are."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def differ(one: Tensor, other: Tensor, limit: float) -> bool:
    """Whether any two numbers are further apart than `limit`; NaN is like NaN."""
    return not bool(
        ((one - other).abs() <= limit).logical_or(one.isnan() & other.isnan()).logical_or(one == other).all()
    )


def largest(f: Tensor) -> float:
    """The largest absolute value of the finite numbers, 0 where there is none."""
    return float(f.detach().abs().nan_to_num(nan=0.0, posinf=0.0).max()) if f.numel() else 0.0


def _reached(model: nn.Module, leaves: Iterable[Tensor]) -> list[str]:
    """The names of the model's parameters among these tensors, in its order."""
    found = {id(leaf) for leaf in leaves}
    return [name for name, p in model.named_parameters() if id(p) in found]
