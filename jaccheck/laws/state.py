"""What a method may have changed: everything observable of the problem and of torch's global state, by name."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from jaccheck.problem import Problem

State = dict[str, object]

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks", "_state_dict_hooks")
_GLOBAL_HOOKS = ("_global_forward_hooks", "_global_forward_pre_hooks", "_global_backward_hooks")
# Set by nn.Module.__init__ itself, compared in other ways, or caches of torch's own.
_OWN = frozenset({"training", "_parameters", "_buffers", "_modules", "_is_full_backward_hook", *_HOOKS})


def observe(problem: Problem) -> State:
    """Everything that should be the same after a call as before; values of tensors are compared by `values`."""
    state: State = dict(_global_state(problem.X.device.type))
    for path, module in problem.model.named_modules():
        state[f"{path or 'model'}.training"] = module.training
        state[f"{path or 'model'} hooks"] = sum(len(getattr(module, kind, ())) for kind in _HOOKS)
        for attribute in vars(module).keys() - _OWN:
            state[f"{path or 'model'} attribute {attribute}"] = _simple(vars(module)[attribute])
        for name, parameter in module._parameters.items():
            if parameter is not None:
                state.update(_tensor_state(f"{path}.{name}", parameter))
    state.update(_tensor_state("X", problem.X))
    return state


def _tensor_state(name: str, tensor: torch.Tensor) -> Iterator[tuple[str, object]]:
    yield f"{name} identity", id(tensor)
    yield f"{name}.requires_grad", tensor.requires_grad
    yield f"{name}.grad", tensor.grad is not None
    yield (
        f"{name} hooks",
        len(tensor._backward_hooks or ()) + len(getattr(tensor, "_post_accumulate_grad_hooks", None) or ()),
    )
    for attribute in vars(tensor):
        yield f"{name} attribute {attribute}", True


def _simple(value: object) -> object:
    """The value where it can be compared safely, else which object it is."""
    return value if isinstance(value, bool | int | float | str | type(None)) else id(value)


def _global_state(device: str) -> Iterator[tuple[str, object]]:
    yield "torch's random generator", torch.get_rng_state().numpy().tobytes()
    if device == "cuda":
        yield "CUDA's random generator", torch.cuda.get_rng_state().numpy().tobytes()
    yield "grad mode", torch.is_grad_enabled()
    yield "inference mode", torch.is_inference_mode_enabled()
    yield "default dtype", torch.get_default_dtype()
    yield "number of threads", torch.get_num_threads()
    yield "deterministic algorithms", torch.are_deterministic_algorithms_enabled()
    yield "anomaly mode", torch.is_anomaly_enabled()
    for kind in _GLOBAL_HOOKS:
        yield f"global {kind}", len(getattr(nn.modules.module, kind, ()))


def undeclared_changes(before: State, after: State, leaves: frozenset[str]) -> list[str]:
    """One phrase for each change from `before` to `after` that `leaves` does not name."""
    changes = []
    for name in before.keys() | after.keys():
        old, new = before.get(name, _ABSENT), after.get(name, _ABSENT)
        if old == new or _kind(name) in leaves:
            continue
        if isinstance(old, bytes) or name.endswith("identity"):
            changes.append(f"{name} changed")
        elif old is _ABSENT:
            changes.append(f"{name} is left behind")
        elif new is _ABSENT:
            changes.append(f"{name} is gone")
        else:
            changes.append(f"{name}: {old} before, {new} after")
    return sorted(changes)


_ABSENT = object()


def _kind(name: str) -> str:
    """What `Method.leaves` calls it: "grad", "hooks", or the attribute's name."""
    if name.endswith(".grad"):
        return "grad"
    if name.endswith(" hooks"):
        return "hooks"
    return name.rpartition(" attribute ")[2]
