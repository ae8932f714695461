"""JAX: the network written out in another framework, its weights carried over; it shares no code with torch.

Everything is computed in float64, whatever the dtype of the problem, and rounded to it once in the end.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from jaccheck.methods import containers as networks
from jaccheck.methods.jax_layers import RULES
from jaccheck.methods.jax_sequences import Array
from jaccheck.methods.problem import Jacobians, Problem
from jaccheck.methods.registry import method

PACKAGE = "jax"

AS_WRITTEN = {"xla_backend_optimization_level": 0}
"""Half the time of compiling, which is nearly all of a small network's, and no reordering."""


_NESTED = ("Sequential", "Own", "Residual", "Repeat", "Parallel")


def _beyond_rules(problem: Problem) -> str | None:
    """The first module that has no counterpart in `jax_layers`, or an option there that has none."""
    return _untranslated("the model", problem.model)


def _untranslated(path: str, module: nn.Module) -> str | None:
    name = type(module).__name__
    if type(module) not in (getattr(nn, name, None), getattr(networks, name, None)):
        return f"{path} ({name}) is a module of its own"
    if name in _NESTED:
        inside = (_untranslated(f"{path}.{each}", child) for each, child in module.named_children())
        return next((reason for reason in inside if reason), None)
    if name not in RULES:
        return f"there is no translation of {path} ({name})"
    reason = _beyond_options(module)
    return f"{path} ({name}) {reason}" if reason else None


def _beyond_options(module: nn.Module) -> str | None:
    match module:
        case nn.modules.batchnorm._BatchNorm() if module.training or not module.track_running_stats:
            return "takes its statistics from the batch"
        case nn.modules.dropout._DropoutNd(training=True) if module.p:
            return "is in training mode"
        case nn.Embedding() if module.max_norm is not None or module.scale_grad_by_freq or module.sparse:
            return "has max_norm, scale_grad_by_freq or sparse"
        case nn.Softmax(dim=None) | nn.LogSoftmax(dim=None):
            return "has no dim"
        case networks.Recurrent() if module.returns != "outputs" or list(module.buffers()):
            return "has an initial state, or gives its last one"
        case networks.Recurrent() if module.cell.proj_size:
            return "has proj_size"
    return None


def _apply(module: Any, θ: dict[str, Array], names: dict[int, str], x: Array) -> Array:
    """What a module makes of `x`: a nested one of its parts, any other by its rule."""
    match type(module).__name__:
        case "Sequential" | "Own":
            return _in_a_row(module, θ, names, x)
        case "Residual":
            return x + _in_a_row(module, θ, names, x)
        case "Repeat":
            for _ in range(module.times):
                x = _in_a_row(module, θ, names, x)
            return x
        case "Parallel":
            return _joined([_apply(branch, θ, names, x) for branch in module.children()], module.merge)
        case kind:
            own = (*module.named_parameters(), *module.named_buffers())
            return RULES[kind](module, {name: θ[names[id(value)]] for name, value in own}, x)


def _in_a_row(module: Any, θ: dict[str, Array], names: dict[int, str], x: Array) -> Array:
    for child in module.children():
        x = _apply(child, θ, names, x)
    return x


def _joined(outputs: list[Array], merge: str) -> Array:
    import jax.numpy as jnp

    return jnp.concatenate(outputs, axis=1) if merge == "cat" else sum(outputs[1:], outputs[0])


def _numbers(tensor: Tensor) -> np.ndarray[Any, Any]:
    values = tensor.detach().cpu()
    return (values.double() if values.is_floating_point() else values).numpy()


@method(family="jax", package=PACKAGE, imports="jax", unsupported=_beyond_rules)
def jax_jacrev(problem: Problem) -> Jacobians:
    """JAX's vmap over samples of jacrev, in float64, of the network written out in jax.numpy."""
    import jax

    tensors = {**dict(problem.model.named_parameters()), **dict(problem.model.named_buffers())}
    names = {id(tensor): name for name, tensor in tensors.items()}

    def f(θ: dict[str, Array], rest: dict[str, Array], x: Array) -> Array:
        return _apply(problem.model, {**θ, **rest}, names, x[None]).reshape(problem.C)

    with jax.enable_x64(True):
        numbers = {name: _numbers(tensor) for name, tensor in tensors.items()}
        θ = {name: numbers.pop(name) for name in problem.parameters}
        rows = jax.jit(jax.vmap(jax.jacrev(f), in_axes=(None, None, 0)), compiler_options=AS_WRITTEN)
        J = rows(θ, numbers, _numbers(problem.X))
        found = {name: np.asarray(J[name]) for name in θ}
    return {name: torch.tensor(found[name]).to(p.device, p.dtype) for name, p in problem.parameters.items()}
