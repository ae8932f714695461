"""Batched Jacobians by giving each sample parameters of its own."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

import jaccheck


def _forward(problem: jaccheck.Problem) -> tuple[dict[str, Tensor], Tensor]:
    """A copy of each parameter for each sample, and the outputs `(N, C)` that they lead to."""
    θ = {name: p.detach().expand(problem.N, *p.shape).requires_grad_() for name, p in problem.parameters.items()}

    def f(θ: dict[str, Tensor], x: Tensor) -> Tensor:
        return functional_call(problem.model, θ, (x[None],)).reshape(problem.C)

    return θ, vmap(f)(θ, problem.X.detach())


def _beyond(problem: jaccheck.Problem) -> str | None:
    """What vmap over parameters does not do: it forgets an Embedding's padding_idx (torch 2.13), and runs no GRU."""
    for path, module in problem.model.named_modules():
        if isinstance(module, nn.Embedding) and module.padding_idx is not None:
            return f"{path} is an Embedding with padding_idx"
    try:
        θ, outputs = _forward(problem)
        torch.autograd.grad(outputs.sum(), list(θ.values()))
    except RuntimeError as error:
        return f"vmap has no rule: {error}"
    return None


@jaccheck.method(family="example", unsupported=_beyond)
def per_sample_parameters(problem: jaccheck.Problem) -> jaccheck.Jacobians:
    """The parameters expanded to one copy for each sample, then one backward pass for each output."""
    N, C = problem.N, problem.C
    θ, outputs = _forward(problem)
    J = {name: copies.new_empty(N, C, *copies.shape[1:]) for name, copies in θ.items()}
    for c in range(C):
        gradients = torch.autograd.grad(outputs[:, c].sum(), list(θ.values()), retain_graph=c + 1 < C)
        for jacobian, gradient in zip(J.values(), gradients, strict=True):
            jacobian[:, c] = gradient
    return J
