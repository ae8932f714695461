"""Per-sample gradients of a loss by methods that take the loss itself, as their documentation shows it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import functional_call, grad, vmap
from torch.nn.utils._per_sample_grad import call_for_per_sample_grads

from jaccheck.methods.expanded_weights import beyond_expanded_weights
from jaccheck.methods.losses import CONVERSION_ROUNDINGS, LossCall, divisor, loss_call_of
from jaccheck.methods.problem import Jacobians, Problem
from jaccheck.methods.registry import TooCostly, method


def needs_loss(problem: Problem) -> str | None:
    """Refuses a problem whose outputs are no losses."""
    return None if loss_call_of(problem) else TooCostly("it takes a loss, and none is given")


def takes_torch_loss(problem: Problem) -> str | None:
    """Refuses what is no loss of torch as well, since its reduction cannot be set."""
    asked = loss_call_of(problem)
    if asked is None:
        return needs_loss(problem)
    is_own = type(asked.loss).__module__ != "torch.nn.modules.loss"
    return f"it sets the reduction of a loss of torch, and {type(asked.loss).__name__} is none" if is_own else None


def has_shares(problem: Problem) -> str | None:
    """Refuses the mean of nothing too, of which no sample has a share."""
    asked = loss_call_of(problem)
    if asked is None:
        return needs_loss(problem)
    return None if divisor(asked) else "the mean of no target is not defined"


def divides_by_samples(problem: Problem) -> str | None:
    """Refuses a mean over anything but samples, since the method multiplies by their number."""
    asked = loss_call_of(problem)
    if asked is None:
        return needs_loss(problem)
    by = divisor(asked)
    if asked.reduction != "mean" or by == problem.N:
        return None
    return f"of a mean it takes the number of samples, {problem.N}, out again, and this mean divides by {by:g}"


def inside(problem: Problem) -> LossCall:
    """What stands inside a problem that `needs_loss` did not refuse."""
    asked = loss_call_of(problem)
    assert asked is not None
    return asked


def in_rows(asked: LossCall, found: dict[str, Tensor]) -> Jacobians:
    """Gradients `(N, *θ.shape)` by the model's own names, as Jacobians of the problem."""
    return {asked.outside + name: found[name][:, None] for name in asked.parameters}


@method(family="autograd", unsupported=takes_torch_loss, only_of_losses=True)
def loss_autograd_loop(problem: Problem) -> Jacobians:
    """The loss of one sample at a time, reduction "sum", by autograd.grad."""
    asked = inside(problem)
    θ = asked.parameters
    found = {name: p.new_zeros(problem.N, *p.shape) for name, p in θ.items()}
    for n in range(problem.N):
        loss = asked.sums(asked.model(asked.X[n : n + 1]), asked.targets[n : n + 1])
        gradients = torch.autograd.grad(loss, list(θ.values()), allow_unused=True, materialize_grads=True)
        for name, gradient in zip(θ, gradients, strict=True):
            found[name][n] = gradient
    return in_rows(asked, found)


@method(family="torch.func", unsupported=takes_torch_loss, only_of_losses=True)
def loss_vmap_grad(problem: Problem) -> Jacobians:
    """vmap over samples of grad of the loss with reduction "sum", as torch.func's tutorial shows it."""
    asked = inside(problem)

    def loss(θ: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        value: Tensor = asked.sums(functional_call(asked.model, θ, (x[None],)), y[None])
        return value

    θ = {name: p.detach() for name, p in asked.parameters.items()}
    return in_rows(asked, vmap(grad(loss), in_dims=(None, 0, 0))(θ, asked.X, asked.targets))


def _beyond_expanded_weights(problem: Problem) -> str | None:
    return divides_by_samples(problem) or beyond_expanded_weights(problem)


@method(
    family="expanded weights",
    leaves=("grad", "grad_sample"),
    roundings=lambda N, C: CONVERSION_ROUNDINGS,
    unsupported=_beyond_expanded_weights,
    only_of_losses=True,
)
def loss_expanded_weights(problem: Problem) -> Jacobians:
    """call_for_per_sample_grads with the loss's own reduction; of a mean it multiplies by the number of samples."""
    asked = inside(problem)
    reduction = "mean" if asked.reduction == "mean" else "sum"
    call = call_for_per_sample_grads(asked.model, batch_size=problem.N, loss_reduction=reduction)
    asked.reduced(call(asked.X)).backward()
    found = {name: p.grad_sample for name, p in asked.parameters.items()}
    for p in asked.parameters.values():
        del p.grad_sample
    return in_rows(asked, found)
