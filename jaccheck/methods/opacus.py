"""Opacus: per-sample gradients by hooks of its own, by torch.func and by ExpandedWeights, an optional extra."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from jaccheck.methods.expanded_weights import beyond_expanded_weights
from jaccheck.methods.loss_gradients import divides_by_samples, in_rows, inside
from jaccheck.methods.losses import CONVERSION_ROUNDINGS
from jaccheck.methods.problem import Jacobians, Problem
from jaccheck.methods.registry import method

PACKAGE = "opacus"

LEFT = ("grad", "activations")
"""An empty list on each module stays when its hooks have been taken off."""


def _beyond_hooks(problem: Problem) -> str | None:
    """What Opacus says it does not do; for other layers without a sampler of its own it takes torch.func."""
    for path, module in problem.model.named_modules():
        name = f"{path or 'the model'} ({type(module).__name__})"
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and any(p.requires_grad for p in module.parameters()):
            return f"Opacus refuses {name}"
        if isinstance(module, nn.RNNBase | nn.MultiheadAttention):
            return f"Opacus has a module of its own in the place of {name}"
    return None


@contextmanager
def _captured(wrapped: Any, model: nn.Module) -> Iterator[None]:
    """Training mode for the modules whose gradients are captured, and in the end a model without hooks, in its mode.

    Opacus captures in training mode only. Modules without parameters stay as they are: in a training loop Dropout is
    in training mode, too, and the gradients are those of the network with its masks, which every pass draws anew.
    """
    modes = {module: module.training for module in model.modules()}
    try:
        for module in modes:
            module.training |= any(p.requires_grad for p in module.parameters(recurse=False))
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
        wrapped.to_standard_module()


def _output_by_output(wrapped: Any, problem: Problem) -> Jacobians:
    """The Jacobians of the batch as it is, from one forward and backward pass for each output."""
    N, C, θ = problem.N, problem.C, problem.parameters
    J = {name: p.new_zeros(N, C, *p.shape) for name, p in θ.items()}
    with _captured(wrapped, problem.model):
        for c in range(C):
            wrapped(problem.X).reshape(N, C)[:, c].sum().backward()
            for name, p in θ.items():
                # None where no gradient comes.
                if p.grad_sample is not None:
                    J[name][:, c] = p.grad_sample
            wrapped.zero_grad()
    return J


@method(family="opacus", package=PACKAGE, imports="opacus.grad_sample", leaves=LEFT, unsupported=_beyond_hooks)
def opacus_hooks(problem: Problem) -> Jacobians:
    """Opacus' GradSampleModule around the model, one pass for each output."""
    from opacus.grad_sample import GradSampleModule

    return _output_by_output(GradSampleModule(problem.model, batch_first=True, loss_reduction="sum"), problem)


@method(family="opacus", package=PACKAGE, imports="opacus.grad_sample", leaves=LEFT, unsupported=_beyond_hooks)
def opacus_functorch(problem: Problem) -> Jacobians:
    """The same with torch.func in the place of Opacus' own samplers, `force_functorch=True`."""
    from opacus.grad_sample import GradSampleModule

    options = {"batch_first": True, "loss_reduction": "sum", "force_functorch": True}
    return _output_by_output(GradSampleModule(problem.model, **options), problem)


@method(
    family="opacus",
    package=PACKAGE,
    imports="opacus.grad_sample",
    leaves=LEFT,
    unsupported=beyond_expanded_weights,
)
def opacus_ew(problem: Problem) -> Jacobians:
    """The same by torch's ExpandedWeights, `GradSampleModuleExpandedWeights`."""
    from opacus.grad_sample import GradSampleModuleExpandedWeights

    wrapped = GradSampleModuleExpandedWeights(problem.model, batch_first=True, loss_reduction="sum")
    return _output_by_output(wrapped, problem)


def _beyond_hooks_of_loss(problem: Problem) -> str | None:
    if reason := divides_by_samples(problem):
        return reason
    asked = inside(problem)
    return _beyond_hooks(Problem(asked.model, asked.X, 1))


@method(
    family="opacus",
    package=PACKAGE,
    imports="opacus.grad_sample",
    leaves=LEFT,
    roundings=lambda N, C: CONVERSION_ROUNDINGS,
    unsupported=_beyond_hooks_of_loss,
    only_of_losses=True,
)
def loss_opacus_hooks(problem: Problem) -> Jacobians:
    """Opacus' GradSampleModule with the loss's own reduction; of a mean it multiplies by the number of samples."""
    from opacus.grad_sample import GradSampleModule

    asked = inside(problem)
    reduction = "mean" if asked.reduction == "mean" else "sum"
    wrapped = GradSampleModule(asked.model, batch_first=True, loss_reduction=reduction)
    with _captured(wrapped, asked.model):
        asked.reduced(wrapped(asked.X)).backward()
        found = {name: p.grad_sample for name, p in asked.parameters.items()}
    return in_rows(asked, found)
