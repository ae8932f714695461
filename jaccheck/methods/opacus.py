"""Opacus: per-sample gradients by hooks of its own, by torch.func and by ExpandedWeights, an optional extra."""

from __future__ import annotations

import copy
from typing import Any

from torch import nn

from jaccheck.methods.expanded_weights import beyond_expanded_weights
from jaccheck.methods.problem import Jacobians, Problem
from jaccheck.methods.registry import method

PACKAGE = "opacus"


def _beyond_hooks(problem: Problem) -> str | None:
    """What Opacus says it does not do; for other layers without a sampler of its own it takes torch.func."""
    for path, module in problem.model.named_modules():
        name = f"{path or 'the model'} ({type(module).__name__})"
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and any(p.requires_grad for p in module.parameters()):
            return f"Opacus refuses {name}"
        if isinstance(module, nn.RNNBase | nn.MultiheadAttention):
            return f"Opacus has a module of its own in the place of {name}"
    return None


def _of_repeated_batch(wrapped: Any, problem: Problem) -> Jacobians:
    """The Jacobians from one backward pass over every sample repeated C times, each copy for one output."""
    N, C = problem.N, problem.C
    for module in wrapped.modules():
        # Its hooks keep inputs in training mode only; layers with parameters do the same in both modes.
        module.training = any(True for _ in module.parameters(recurse=False))
    f = wrapped(problem.X.repeat_interleave(C, dim=0)).reshape(N, C, C)
    f.diagonal(dim1=1, dim2=2).sum().backward()
    θ = dict(wrapped._module.named_parameters())
    return {name: θ[name].grad_sample.reshape(N, C, *p.shape) for name, p in problem.parameters.items()}


@method(family="opacus", package=PACKAGE, imports="opacus.grad_sample", leaves=("grad",), unsupported=_beyond_hooks)
def opacus_hooks(problem: Problem) -> Jacobians:
    """Opacus' GradSampleModule on a copy and on every sample repeated C times, one backward pass in all."""
    from opacus.grad_sample import GradSampleModule

    wrapped = GradSampleModule(copy.deepcopy(problem.model), batch_first=True, loss_reduction="sum")
    return _of_repeated_batch(wrapped, problem)


@method(family="opacus", package=PACKAGE, imports="opacus.grad_sample", leaves=("grad",), unsupported=_beyond_hooks)
def opacus_functorch(problem: Problem) -> Jacobians:
    """The same with torch.func in the place of Opacus' own samplers, `force_functorch=True`."""
    from opacus.grad_sample import GradSampleModule

    model = copy.deepcopy(problem.model)
    wrapped = GradSampleModule(model, batch_first=True, loss_reduction="sum", force_functorch=True)
    return _of_repeated_batch(wrapped, problem)


@method(
    family="opacus",
    package=PACKAGE,
    imports="opacus.grad_sample",
    leaves=("grad",),
    unsupported=beyond_expanded_weights,
)
def opacus_ew(problem: Problem) -> Jacobians:
    """The same by torch's ExpandedWeights, `GradSampleModuleExpandedWeights`."""
    from opacus.grad_sample import GradSampleModuleExpandedWeights

    wrapped = GradSampleModuleExpandedWeights(copy.deepcopy(problem.model), batch_first=True, loss_reduction="sum")
    return _of_repeated_batch(wrapped, problem)
