"""What a forward and a backward pass of the user's model do with its modules and buffers, as far as they come."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from jaccheck.methods import Problem, calm_torch, copy_of


def rows_by_module(problem: Problem) -> Mapping[nn.Module, Sequence[int | None]]:
    """By module with parameters of its own: how many rows each call of it in a forward pass gets, as far as that comes.

    None is what it gets where that is no tensor.
    """
    copied, calls = copy_of(problem), defaultdict[nn.Module, list[int | None]](list)

    def heard(module: nn.Module, given: tuple[Any, ...]) -> None:
        first = given[0] if given else None
        calls[module].append(len(first) if isinstance(first, Tensor) and first.dim() else None)

    for module in copied.model.modules():
        if _has_own_parameters(module):
            module.register_forward_pre_hook(heard)
    with contextlib.suppress(Exception):  # whatever a model raises that looks for hooks, or counts its passes
        copied.model(copied.X)
    return calls


def calls_a_layer_twice(problem: Problem) -> bool:
    """Whether a module with parameters is called more than once."""
    return any(len(rows) > 1 for rows in rows_by_module(problem).values())


def gives_other_rows(problem: Problem) -> bool:
    """Whether a module with parameters gets another number of rows than there are samples."""
    return any(not {*rows} <= {problem.N, None} for rows in rows_by_module(problem).values())


def gives_samples_along_another_axis(problem: Problem) -> bool:
    """Whether a module with parameters gets a tensor whose first axis is as long for one sample, and another is not."""
    copied, alone = copy_of(problem), copy_of(problem)
    of_all, of_one = (_shapes(each.model, X) for each, X in ((copied, copied.X), (alone, alone.X[:1])))
    return len(of_all) == len(of_one) and any(
        each[:1] == one[:1] and each != one and len(each) == len(one) for each, one in zip(of_all, of_one, strict=True)
    )


def writes_buffers(problem: Problem) -> bool:
    """Whether a forward pass of one sample writes into buffers."""
    copied = copy_of(problem)
    buffers = list(copied.model.buffers())
    versions = [each._version for each in buffers]
    with contextlib.suppress(Exception):
        copied.model(copied.X[:1])
    return versions != [each._version for each in buffers]


def leaves_outputs_of_modules_out(problem: Problem) -> bool:
    """Whether backward hooks of all modules, and not those of the layers alone, hand a layer no gradient.

    A module with such a hook that returns a tuple hands None to those of its outputs that the model does not use.
    """
    return bool(_without_gradient(problem, of_layers_alone=False)) and not uses_last_states_alone(problem)


def uses_last_states_alone(problem: Problem) -> bool:
    """Whether a layer's own first output, as that of a recurrent one, is not used, and another one is."""
    return bool(_without_gradient(problem, of_layers_alone=True))


def uses_last_states(problem: Problem) -> bool:
    """Whether the model's output depends on what a recurrent layer returns beside its outputs."""
    copied, states = copy_of(problem), list[Tensor]()

    def heard(module: nn.Module, given: tuple[Any, ...], returned: Any) -> None:
        last = returned[1]
        states.extend(last if isinstance(last, tuple) else (last,))

    for module in copied.model.modules():
        if isinstance(module, nn.RNNBase):
            module.register_forward_hook(heard)
    with contextlib.suppress(Exception), calm_torch():
        total = copied.model(copied.X).sum()
        return any(each is not None for each in torch.autograd.grad(total, states, allow_unused=True))
    return False


def _without_gradient(problem: Problem, *, of_layers_alone: bool) -> list[nn.Module]:
    """Modules with parameters of their own whose backward hook gets no gradient of their first output."""
    copied, found = copy_of(problem), list[nn.Module]()

    def heard(module: nn.Module, below: Any, above: Any) -> None:
        if _has_own_parameters(module) and above[0] is None:
            found.append(module)

    for module in copied.model.modules():
        if not of_layers_alone or not list(module.children()):
            module.register_full_backward_hook(heard)
    with contextlib.suppress(Exception), calm_torch():
        copied.model(copied.X).sum().backward()
    return found


def _shapes(model: nn.Module, X: Tensor) -> list[tuple[int, ...]]:
    """Of what each call of a module with parameters of its own gets first, in the order of the calls."""
    shapes = list[tuple[int, ...]]()

    def heard(module: nn.Module, given: tuple[Any, ...]) -> None:
        shapes.append(tuple(given[0].shape) if given and isinstance(given[0], Tensor) else ())

    for module in model.modules():
        if _has_own_parameters(module):
            module.register_forward_pre_hook(heard)
    with contextlib.suppress(Exception):
        model(X)
    return shapes


def _has_own_parameters(module: nn.Module) -> bool:
    return any(True for _ in module.parameters(recurse=False))
