"""What a forward pass changes in a model, and the model as it is once it changes nothing that matters."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import replace

import torch
from torch import Tensor, nn

from jaccheck.errors import InvalidModel
from jaccheck.judging.compiled import is_compiled_in_place
from jaccheck.judging.live.parts import in_float64
from jaccheck.methods import Problem, changed, deep_copy, differ, prefix, run, state_of

MOST_PASSES = 30
"""A norm is cut anew while rounding leaves it above the limit: in half of the passes, at worst."""


def settled(problem: Problem) -> tuple[Problem, tuple[str, ...]]:
    """The problem of the model as it is after a forward pass where that changes it for good, and what is to be said.

    The model that comes back has not run, wherever that can be. Raises InvalidModel where parameters change again and
    again. That its last outputs are the same is known (`check_samples`).
    """
    notes = _lost(problem)
    model = deep_copy(problem.model)
    states, outputs = [state_of(model)], []
    for _ in range(2):
        outputs.append(run(model, problem.X))
        states.append(state_of(model))
    first, again = changed(*states[:2]), changed(*states[1:])
    _differentiate(outputs[-1], model)
    backward = [name for name in changed(states[-1], state_of(model)) if name not in again]
    for names, what in ((again, "each forward pass"), (backward, "a backward pass")):
        if names:
            notes.append(f"{what} changes {_told(problem.model, names)}, but not the output")
    parameters = dict(model.named_parameters())
    written = [name for name in first if name in parameters]
    is_same = outputs[0].shape == outputs[1].shape and not differ(outputs[0], outputs[1], 0.0)
    if not written and is_same:
        return problem, tuple(notes)
    names = written or [name for name in first if name not in again]
    notes.append(f"the forward pass changes {_told(problem.model, names)}: judged as the model is after it")
    return _after_a_pass(problem, model, first), tuple(notes)


def _after_a_pass(problem: Problem, ran: nn.Module, names: Iterable[str]) -> Problem:
    """The problem of a fresh copy with the tensors of one that ran, else of what ran, once passes leave it alone."""
    fresh, found = deep_copy(problem.model), _tensors(ran)
    with torch.no_grad():
        for name, tensor in _tensors(fresh).items():
            if name in names:
                tensor.copy_(found[name])
    for model in (fresh, ran):
        candidate = replace(problem, model=deep_copy(model))
        if _settle(candidate) and _is_left_alone(candidate):
            return candidate
    raise InvalidModel(f"each forward pass changes {_told(problem.model, names)} anew: there is no model to judge")


def _settle(problem: Problem) -> bool:
    """Whether passes in its own dtype and in float64 leave its parameters alone in the end; it is changed till then."""
    for _ in range(MOST_PASSES):
        kept = [p.detach().clone() for p in problem.model.parameters()]
        for make in (_own, in_float64):
            try:
                made = make(problem)
                run(made.model, made.X)
            except (RuntimeError, TypeError, ValueError, NotImplementedError):
                continue
            with torch.no_grad():
                for p, new in zip(problem.model.parameters(), made.model.parameters(), strict=True):
                    p.copy_(new)
        if all(torch.equal(one, other) for one, other in zip(kept, problem.model.parameters(), strict=True)):
            return True
    return False


def _is_left_alone(problem: Problem) -> bool:
    """Whether one sample alone changes no parameter either, as it would where the first batch sets them."""
    model = deep_copy(problem.model)
    run(model, problem.X[:1])
    pairs = zip(model.parameters(), problem.model.parameters(), strict=True)
    return all(torch.equal(one, other) for one, other in pairs)


def _own(problem: Problem) -> Problem:
    return replace(problem, model=deep_copy(problem.model))


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def _differentiate(f: Tensor, model: nn.Module) -> None:
    parameters = [p for p in model.parameters() if p.requires_grad]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.autograd.grad(f.sum(), parameters, allow_unused=True)


def _lost(problem: Problem) -> list[str]:
    """What is to be said of hooks on parameters and of compilation in place, which no copy has."""
    inside, notes = prefix(problem.model), []
    for name, p in problem.model.named_parameters():
        if p._backward_hooks or getattr(p, "_post_accumulate_grad_hooks", None):
            told = name.removeprefix(inside)
            notes.append(f"{told} has a gradient hook, which copies of the model do not have: judged without it")
    for path, module in problem.own.named_modules():
        if is_compiled_in_place(module):
            notes.append(
                f"{path or 'the model'} is compiled in place, and copies of it are not: judged as it is written"
            )
    return notes


def _told(model: nn.Module, names: Iterable[str]) -> str:
    """The names, with the reason where a module gives one."""
    inside, modules, told = prefix(model), dict(model.named_modules()), []
    for name in names:
        limit = getattr(modules.get(name.rpartition(".")[0]), "max_norm", None)
        told.append(name.removeprefix(inside) + (f" (max_norm={limit})" if limit is not None else ""))
    return ", ".join(told[:3]) + (f" and {len(told) - 3} more" if len(told) > 3 else "")
