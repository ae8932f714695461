"""What a method may have changed: everything observable of the problem and of torch's global state.

Observing is cheap and comparing is one `==` for each object; names are spelled out only where something differs.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import nn

from jaccheck.judging.laws.globals import observe_globals
from jaccheck.methods import Problem

State = dict[str, dict[str, object]]
"""For each object by name (a module's path, a parameter, "X", "torch"): its aspects by name."""

Place = tuple[str, str]
"""An object and one of its aspects."""

# Forward, backward, and those of saving and loading, which differ from version to version.
_HOOKS = {name: name.strip("_").removesuffix("s") for name in vars(nn.Module()) if name.endswith("_hooks")}
"""By attribute of a module what it is called in `Method.leaves`: `_forward_hooks` holds each "forward_hook"."""

# Attributes that can be compared by value; of others, which object it is.
_SIMPLE = (bool, int, float, str, type(None))
_COMPILERS = "_dynamo_"
"""How the names of attributes begin with which torch.compile marks the parameters of what it compiles."""

# Containers of nn.Module's own, which are observed piece by piece, and a flag that goes with hooks.
# Recurrent modules keep two lists of their own parameters, which torch renews in any forward pass that sees a change.
_OWN = frozenset(
    {
        *("_parameters", "_buffers", "_modules", "_is_full_backward_hook", "_flat_weights", "_flat_weight_refs"),
        *_HOOKS,
    }
)


def observe(problem: Problem) -> State:
    """Everything of the problem and of torch that a call should leave as it is, but for the numbers in tensors."""
    return {"torch": observe_globals(problem.X.device.type), **observe_problem(problem)}


def observe_problem(problem: Problem) -> State:
    """The same of the problem alone."""
    state: State = {"X": _tensor(problem.X)}
    for path, module in problem.model.named_modules():
        attributes = vars(module)
        aspects: dict[str, object] = {
            name: value if isinstance(value, _SIMPLE) else id(value)
            for name, value in attributes.items()
            if name not in _OWN
        }
        aspects["__class__"] = type(module)
        for kind, aspect in _HOOKS.items():
            aspects[aspect] = len(attributes[kind])
        state[f"module {path!r}" if path else "the model"] = aspects
        for name, parameter in attributes["_parameters"].items():
            if parameter is not None:
                state[f"{path}.{name}"] = _tensor(parameter)
        for name, buffer in attributes["_buffers"].items():
            if buffer is not None:
                state[f"buffer {path}.{name}"] = _tensor(buffer)
    return state


def _tensor(tensor: torch.Tensor) -> dict[str, object]:
    hooks = len(tensor._backward_hooks or ()) + len(getattr(tensor, "_post_accumulate_grad_hooks", None) or ())
    return {
        "__class__": type(tensor),
        "identity": id(tensor),
        "requires_grad": tensor.requires_grad,
        "grad": tensor.grad is not None,
        "tensor hooks": hooks,
        **dict.fromkeys((name for name in vars(tensor) if not name.startswith(_COMPILERS)), True),
    }


def differing(before: State, after: State) -> frozenset[Place]:
    """Where they differ."""
    found: set[Place] = set()
    for owner in before.keys() | after.keys():
        old, new = before.get(owner), after.get(owner)
        if old is None or new is None:
            found.add((owner, "presence"))
        elif old != new:
            found.update((owner, aspect) for aspect in _differing(old, new))
    return frozenset(found)


def undeclared_changes(
    before: State, after: State, leaves: frozenset[str], others: frozenset[Place] = frozenset()
) -> list[tuple[str, str]]:
    """The aspect, and a phrase, for each change from `before` to `after` that `leaves` does not name.

    What changes at these `others` is nobody's doing.
    """
    if before == after:
        return []
    changes: list[tuple[str, str]] = []
    for owner in before.keys() | after.keys():
        old, new = before.get(owner), after.get(owner)
        if old == new:
            continue
        if old is None or new is None:
            if (owner, "presence") not in others:
                changes.append(("presence", f"{owner} {'is new' if old is None else 'is gone'}"))
            continue
        for aspect in _differing(old, new):
            if (owner, aspect) in others:
                continue
            if aspect not in leaves or (aspect in _HOOKS.values() and not _is_one_more(old[aspect], new[aspect])):
                changes.append((aspect, _phrase(owner, aspect, old, new)))
    return sorted(changes, key=lambda change: change[1])


def _is_one_more(old: object, new: object) -> bool:
    """Whether there is one hook beside those that a model brings along."""
    return isinstance(old, int) and new == old + 1


def all_changes(before: State, after: State) -> set[str]:
    """The names of the aspects that differ anywhere, declared or not, as in `Method.leaves`."""
    changed: set[str] = set()
    for owner in before.keys() & after.keys():
        changed.update(_differing(before[owner], after[owner]))
    return changed


def _differing(old: Mapping[Any, object], new: Mapping[Any, object]) -> Iterable[Any]:
    return (name for name in old.keys() | new.keys() if old.get(name, _ABSENT) != new.get(name, _ABSENT))


def _phrase(owner: str, aspect: str, old: dict[str, object], new: dict[str, object]) -> str:
    if aspect not in old:
        return f"{owner}: attribute {aspect} is left behind"
    if aspect not in new:
        return f"{owner}: attribute {aspect} is gone"
    was, now = old[aspect], new[aspect]
    if aspect == "values":
        return f"{owner} changed"
    if aspect == "grad":
        return f"{owner}.grad is {'left behind' if now else 'gone'}"
    if isinstance(was, frozenset) and isinstance(now, frozenset) and now - was:
        return f"{owner}: {aspect}: {len(now - was)} more {'is' if len(now - was) == 1 else 'are'} left behind"
    if isinstance(was, dict) and isinstance(now, dict):
        names = sorted(map(_text, _differing(was, now)))
        return f"{owner}: {aspect} changed: {', '.join(names)}"
    if isinstance(was, bytes | tuple | list | set | frozenset) or aspect == "identity":
        return f"{owner}: {aspect} changed"
    if isinstance(was, type) and isinstance(now, type):
        was, now = was.__qualname__, now.__qualname__
    return f"{owner}: {aspect} was {was}, is {now}"


def _text(name: object) -> str:
    return os.fsdecode(name) if isinstance(name, bytes) else str(name)


_ABSENT = object()
