"""ExpandedWeights, torch's prototype of per-sample gradients."""

from __future__ import annotations

from torch.nn.utils._per_sample_grad import call_for_per_sample_grads

from jaccheck.methods.registry import method
from jaccheck.problem import Jacobians, Problem


def _has_samples(problem: Problem) -> str | None:
    return "its batch size must be positive" if problem.N == 0 else None


@method(family="expanded weights", leaves=("grad", "grad_sample"), unsupported=_has_samples)
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
