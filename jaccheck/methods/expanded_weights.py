"""ExpandedWeights, torch's prototype of per-sample gradients."""

from __future__ import annotations

from torch.nn.utils._per_sample_grad import call_for_per_sample_grads

from jaccheck.methods.registry import method
from jaccheck.problem import Jacobians, Problem


@method(family="expanded weights", leaves=("grad_sample",))
def expanded_weights(problem: Problem) -> Jacobians:
    """call_for_per_sample_grads, one backward pass for each output."""
    θ = problem.parameters
    J = {name: p.new_zeros(problem.N, problem.C, *p.shape) for name, p in θ.items()}
    for c in range(problem.C):
        f = call_for_per_sample_grads(problem.model, batch_size=problem.N, loss_reduction="sum")(problem.X)
        f.reshape(problem.N, problem.C)[:, c].sum().backward()
        for name, p in θ.items():
            J[name][:, c] = p.grad_sample
            del p.grad_sample
    return J
