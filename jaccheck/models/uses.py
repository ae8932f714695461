"""How the user's model uses its layers and their parameters where BackPACK expects that a layer alone does so."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from jaccheck.methods import Problem, copy_of


def holds_a_parameter_twice(problem: Problem) -> bool:
    """Whether two modules hold the same parameter."""
    held = Counter(id(p) for module in problem.own.modules() for p in module._parameters.values() if p is not None)
    return any(times > 1 for times in held.values())


def has_hooks(problem: Problem) -> bool:
    """Whether modules have hooks that run in a forward pass."""
    return any(module._forward_hooks or module._forward_pre_hooks for module in problem.own.modules())


def hooks_change_outputs(problem: Problem) -> bool:
    """Whether a hook returns another output than that of a layer with parameters."""
    copied, given, changed = copy_of(problem), dict[nn.Module, Any](), list[nn.Module]()

    def before(module: nn.Module, args: Any, output: Any) -> None:
        given[module] = output

    def after(module: nn.Module, args: Any, output: Any) -> None:
        if output is not given[module]:
            changed.append(module)

    for module in copied.model.modules():
        if any(True for _ in module.parameters(recurse=False)):
            module.register_forward_hook(before, prepend=True)
            module.register_forward_hook(after)
    _run(copied)
    return bool(changed)


def passes_inputs_by_keyword(problem: Problem) -> bool:
    """Whether a layer with parameters gets its input by keyword alone."""
    copied, found = copy_of(problem), list[nn.Module]()

    def heard(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if kwargs and not args:
            found.append(module)

    for module in copied.model.modules():
        if any(True for _ in module.parameters(recurse=False)):
            module.register_forward_pre_hook(heard, with_kwargs=True)
    _run(copied)
    return bool(found)


def uses_parameters_outside_of_layers(problem: Problem) -> bool:
    """Whether a function gets a layer's parameter where that layer is not what is being called."""
    copied = copy_of(problem)
    watching = _Parameters(copied.model)
    with watching:
        _run(copied)
    return watching.is_outside


class _Parameters(TorchFunctionMode):
    """Looks which module is called, and which parameters functions get meanwhile."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.is_outside = False
        self._called: list[nn.Module] = []
        self._owners = {id(p): module for module in model.modules() for p in module.parameters(recurse=False)}
        for module in model.modules():
            module.register_forward_pre_hook(lambda module, args: self._called.append(module))
            module.register_forward_hook(lambda module, args, output: self._left())

    def _left(self) -> None:
        self._called.pop()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if isinstance(made, Tensor) and made.requires_grad:
            owners = [self._owners[id(each)] for each in (*args, *(kwargs or {}).values()) if id(each) in self._owners]
            self.is_outside |= any(list(owner.children()) == [] and owner not in self._called for owner in owners)
        return made


def _run(copied: Problem) -> None:
    with contextlib.suppress(Exception):  # whatever a model raises that looks for hooks, or counts its passes
        copied.model(copied.X)
