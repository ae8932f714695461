"""The state of a model, looked for where it is: parameters, buffers, and whatever else its modules hold."""

from __future__ import annotations

import types
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

MOST, DEEPEST = 200_000, 12
"""Values that are looked at, and how deep in containers and objects; a model can hold anything."""

State = dict[str, object]
"""By name (`0.weight`, `rope.cache['cos']`, `0.calls`): the value, of a tensor its bits."""

_SIMPLE = (bool, int, float, complex, str, bytes, type(None))
_OPAQUE = (type, types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.ModuleType, weakref.ref)
_UNNAMED = frozenset({"_parameters", "_buffers", "_modules"})
"""Dictionaries of nn.Module that are no part of a name."""
_HOOKS = frozenset(name for name in vars(nn.Module()) if name.endswith(("_hooks", "_hooks_with_kwargs")))


def state_of(model: nn.Module) -> State:
    """What the model holds, by name; tensors as a hash of their bits."""
    return {name: _fingerprint(value) for name, value in walk(model)}


def changed(before: State, after: State) -> list[str]:
    """The names of what was there before and is another now, in order."""
    return [name for name, value in before.items() if name not in after or after[name] != value]


def walk(model: nn.Module) -> Iterator[tuple[str, Any]]:
    """Every tensor, array, generator and simple value that the model holds, by name, each tensor once."""
    seen: set[int] = set()
    yielded = 0
    waiting: list[tuple[str, Any, int]] = [("", model, 0)]
    while waiting and yielded < MOST:
        name, value, depth = waiting.pop()
        if isinstance(value, _SIMPLE):
            yielded += 1
            yield name, value
            continue
        if id(value) in seen or isinstance(value, _OPAQUE):
            continue
        seen.add(id(value))
        if isinstance(value, Tensor | np.ndarray | torch.Generator | np.random.Generator):
            yielded += 1
            yield name, value
        elif depth < DEEPEST:
            waiting += [(*each, depth + 1) for each in reversed(list(_held(name, value)))]


def _held(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """What a module, a container or an object holds, with names."""
    dot = f"{name}." if name else ""
    if isinstance(value, nn.Module):
        for key, each in list(vars(value).items()):
            if key in _UNNAMED:
                yield from ((f"{dot}{inner}", held) for inner, held in list(each.items()))
            elif key not in _HOOKS:
                yield f"{dot}{key}", each
    elif isinstance(value, dict):
        pairs = list(dict.items(value))
        yield from ((f"{name}[{key!r}]" if isinstance(key, _SIMPLE) else name, each) for key, each in pairs)
    elif base := next((base for base in (list, tuple, set, frozenset) if isinstance(value, base)), None):
        # As the base class has it: a class of a user's own may have a length or an order that raises.
        yield from ((f"{name}[{i}]", each) for i, each in enumerate([*base.__iter__(value)]))
    elif isinstance(attributes := getattr(value, "__dict__", None), dict):
        yield from ((f"{dot}{key}", each) for key, each in list(attributes.items()))


def _fingerprint(value: Any) -> object:
    if isinstance(value, Tensor):
        return (str(value.dtype), tuple(value.shape), hash(_bits(value)))
    if isinstance(value, np.ndarray):
        return (str(value.dtype), value.shape, hash(value.tobytes()))
    if isinstance(value, torch.Generator):
        return hash(bytes(value.get_state().numpy()))
    if isinstance(value, np.random.Generator):
        return repr(value.bit_generator.state)
    return repr(value) if isinstance(value, float | complex) else value


def _bits(tensor: Tensor) -> bytes:
    if nn.parameter.is_lazy(tensor):
        return b""
    if tensor.layout is not torch.strided or tensor.is_quantized or tensor.device.type == "meta":
        return repr(tensor).encode()
    plain = tensor.detach().cpu().contiguous()
    return plain.resolve_conj().resolve_neg().reshape(-1).view(torch.uint8).numpy().tobytes()
