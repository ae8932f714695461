"""Plain `torch.autograd.grad`: one entry of `f` at a time, or all of them in one batched call."""

from __future__ import annotations

import torch

from jaccheck.methods.problem import Jacobians, Problem
from jaccheck.methods.registry import method


def needs_samples(problem: Problem) -> str | None:
    """Refuses the empty batch, over which torch.vmap does not map."""
    return "torch.vmap does not map over an empty batch" if problem.N == 0 else None


@method(family="autograd")
def autograd_loop(problem: Problem) -> Jacobians:
    """One backward pass for each sample and output, as in BackPACK's tutorial."""
    f = problem.model(problem.X).reshape(problem.N, problem.C)
    θ = problem.parameters
    J = {name: p.new_zeros(problem.N, problem.C, *p.shape) for name, p in θ.items()}
    for n in range(problem.N):
        for c in range(problem.C):
            gradients = torch.autograd.grad(f[n, c], list(θ.values()), retain_graph=True)
            for name, gradient in zip(J, gradients, strict=True):
                J[name][n, c] = gradient
    return J


@method(family="autograd", unsupported=needs_samples)
def autograd_batched(problem: Problem) -> Jacobians:
    """One call of autograd.grad with is_grads_batched, over all samples and outputs."""
    N, C = problem.N, problem.C
    f = problem.model(problem.X).reshape(N, C)
    θ = problem.parameters
    # converted, since torch 2.2 makes no identity of bfloat16
    seeds = torch.eye(N * C, device=f.device).to(f.dtype).reshape(N * C, N, C)
    rows = torch.autograd.grad(f, list(θ.values()), seeds, is_grads_batched=True)
    return {name: row.reshape(N, C, *p.shape) for (name, p), row in zip(θ.items(), rows, strict=True)}
