"""Plain `torch.autograd.grad`: one entry of `f` at a time, or all of them in one batched call."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from jaccheck.methods.problem import Jacobians, Problem
from jaccheck.methods.registry import method, spreads


def dense(gradient: Tensor) -> Tensor:
    """The same numbers as an ordinary tensor; an Embedding with sparse=True makes sparse ones."""
    return gradient if gradient.layout is torch.strided else gradient.to_dense()


def needs_samples(problem: Problem) -> str | None:
    """Refuses the empty batch, over which torch.vmap does not map."""
    return "torch.vmap does not map over an empty batch" if problem.N == 0 else None


def takes_no_sparse(problem: Problem) -> str | None:
    """Refuses sparse gradients, which torch's functional and batched derivatives do not reshape."""
    for path, module in problem.model.named_modules():
        if isinstance(module, nn.Embedding | nn.EmbeddingBag) and module.sparse and module.weight.requires_grad:
            return f"{path or 'the model'} ({type(module).__name__}) is sparse=True; torch reshapes no sparse gradient"
    return None


def needs_dense_samples(problem: Problem) -> str | None:
    """Refuses the empty batch and sparse gradients."""
    return needs_samples(problem) or takes_no_sparse(problem)


@method(family="autograd", spreads=spreads)
def autograd_loop(problem: Problem) -> Jacobians:
    """One backward pass for each sample and output, as in BackPACK's tutorial."""
    f = problem.model(problem.X).reshape(problem.N, problem.C)
    θ = problem.parameters
    J = {name: p.new_zeros(problem.N, problem.C, *p.shape) for name, p in θ.items()}
    for n in range(problem.N):
        for c in range(problem.C):
            gradients = torch.autograd.grad(f[n, c], list(θ.values()), retain_graph=True, allow_unused=True)
            for name, gradient in zip(J, gradients, strict=True):
                if gradient is not None:
                    J[name][n, c] = dense(gradient)
    return J


@method(family="autograd", unsupported=needs_dense_samples, spreads=spreads)
def autograd_batched(problem: Problem) -> Jacobians:
    """One call of autograd.grad with is_grads_batched, over all samples and outputs."""
    N, C = problem.N, problem.C
    f = problem.model(problem.X).reshape(N, C)
    θ = problem.parameters
    # converted, since torch 2.2 makes no identity of bfloat16
    seeds = torch.eye(N * C, device=f.device).to(f.dtype).reshape(N * C, N, C)
    rows = torch.autograd.grad(f, list(θ.values()), seeds, is_grads_batched=True, allow_unused=True)
    # materialize_grads=True would put zeros of one row in the place of all rows (torch 2.13).
    J = {
        name: p.new_zeros(N, C, *p.shape) if row is None else row
        for (name, p), row in zip(θ.items(), rows, strict=True)
    }
    return {name: jacobian.reshape(N, C, *θ[name].shape) for name, jacobian in J.items()}
