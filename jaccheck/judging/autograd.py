"""Autograd's Jacobians, one sample after another, and Jacobians as one flat vector."""

from __future__ import annotations

import numpy as np
import torch

from jaccheck.methods import Jacobians, Problem
from jaccheck.oracle import Array


def flattened(jacobians: Jacobians) -> Array:
    """All Jacobians as one flat vector in float64 on the CPU, a copy; no code of theirs reads them."""
    with torch._C.DisableTorchFunctionSubclass():
        parts = [torch.Tensor.detach(jacobian).reshape(-1) for jacobian in jacobians.values()]
        return torch.cat(parts).to("cpu", torch.float64).numpy()


def flattened_away(jacobians: Jacobians) -> Array:
    """The same vector, for which each Jacobian is given up on the way: it takes less memory."""
    total = sum(jacobian.numel() for jacobian in jacobians.values())
    vector, start = np.empty(total), 0
    for name in list(jacobians):
        jacobian = torch.Tensor.detach(jacobians.pop(name))
        stop = start + jacobian.numel()
        torch.from_numpy(vector[start:stop]).view(jacobian.shape).copy_(jacobian)
        start = stop
    return vector


def flat_autograd(problem: Problem) -> Array:
    """Autograd's Jacobians as one flat vector, one forward pass for each sample."""
    return flattened(autograd_by_sample(problem))


def autograd_by_sample(problem: Problem) -> Jacobians:
    """The Jacobians by `torch.autograd.grad`, one entry of `f` at a time, one forward pass for each sample.

    A parameter that `f` does not depend on has the Jacobian zero. Gradients are enabled, whatever they were.
    """
    with torch.inference_mode(False), torch.enable_grad():
        return _by_sample(problem)


def _by_sample(problem: Problem) -> Jacobians:
    θ = problem.parameters
    J = {name: p.new_zeros(problem.N, problem.C, *p.shape) for name, p in θ.items()}
    for n in range(problem.N):
        f = problem.model(problem.X[n : n + 1]).reshape(problem.C)
        for c in range(problem.C):
            gradients = torch.autograd.grad(
                f[c], list(θ.values()), retain_graph=c + 1 < problem.C, allow_unused=True, materialize_grads=True
            )
            for jacobian, gradient in zip(J.values(), gradients, strict=True):
                jacobian[n, c] = gradient.to_dense() if gradient.is_sparse else gradient
    return J
