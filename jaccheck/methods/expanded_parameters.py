"""Parameters expanded along the batch: each sample has its own view of θ, so its gradient by that view is its own."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import functional_call, vmap

from jaccheck.methods.autograd import takes_no_sparse
from jaccheck.methods.problem import Jacobians, Problem
from jaccheck.methods.registry import method


@method(family="autograd", unsupported=takes_no_sparse)
def expanded_parameters(problem: Problem) -> Jacobians:
    """Autograd by parameters expanded to N views, forward by vmap over both; one backward pass for each output."""
    N, C = problem.N, problem.C
    θ = {name: p.detach().expand(N, *p.shape).requires_grad_() for name, p in problem.parameters.items()}

    def f(own: dict[str, Tensor], x: Tensor) -> Tensor:
        return functional_call(problem.model, own, (x[None],)).reshape(C)

    outputs = vmap(f)(θ, problem.X)
    J = {name: p.new_zeros(N, C, *p.shape) for name, p in problem.parameters.items()}
    for c in range(C):
        seeds = outputs[:, c].sum()
        gradients = torch.autograd.grad(seeds, list(θ.values()), retain_graph=c + 1 < C, allow_unused=True)
        for name, gradient in zip(J, gradients, strict=True):
            if gradient is not None:
                J[name][:, c] = gradient
    return J
