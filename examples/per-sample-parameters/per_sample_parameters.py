"""Batched Jacobians by giving each sample parameters of its own."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

import jaccheck


def _beyond(problem: jaccheck.Problem) -> str | None:
    """What this way gets wrong: vmap over the weight of an Embedding forgets its padding_idx (torch 2.13)."""
    for path, module in problem.model.named_modules():
        if isinstance(module, nn.Embedding) and module.padding_idx is not None:
            return f"{path} is an Embedding with padding_idx"
    return None


@jaccheck.method(family="example", unsupported=_beyond)
def per_sample_parameters(problem: jaccheck.Problem) -> jaccheck.Jacobians:
    """The parameters expanded to one copy for each sample, then one backward pass for each output."""
    N, C = problem.N, problem.C
    θ = {name: p.detach().expand(N, *p.shape).requires_grad_() for name, p in problem.parameters.items()}

    def f(θ: dict[str, Tensor], x: Tensor) -> Tensor:
        return functional_call(problem.model, θ, (x[None],)).reshape(C)

    outputs = vmap(f)(θ, problem.X.detach())
    J = {name: copies.new_empty(N, C, *copies.shape[1:]) for name, copies in θ.items()}
    for c in range(C):
        gradients = torch.autograd.grad(outputs[:, c].sum(), list(θ.values()), retain_graph=c + 1 < C)
        for jacobian, gradient in zip(J.values(), gradients, strict=True):
            jacobian[:, c] = gradient
    return J
