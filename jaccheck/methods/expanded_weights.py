"""ExpandedWeights, torch's prototype of per-sample gradients."""

from __future__ import annotations

from torch import nn
from torch.nn.utils._per_sample_grad import call_for_per_sample_grads

from jaccheck.methods.containers import AddEmbedding
from jaccheck.methods.problem import Jacobians, Problem
from jaccheck.methods.registry import method

_RULED = (
    *(nn.Linear, nn.Embedding, nn.LayerNorm, nn.GroupNorm, nn.RNN, nn.LSTM, nn.GRU),
    *(nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d),
)
"""Modules whose functions torch.nn.utils._expanded_weights has a rule for."""


def beyond_expanded_weights(problem: Problem) -> str | None:
    """What ExpandedWeights have no rule for."""
    if problem.N == 0:
        return "its batch size must be positive"
    for path, module in problem.model.named_modules():
        if not isinstance(module, _RULED) and any(p.requires_grad for p in module.parameters(recurse=False)):
            return f"it has no rule for {path or 'the model'} ({type(module).__name__})"
        if isinstance(module, AddEmbedding) and not module.expand and module.embedding.weight.requires_grad:
            return f"{path}.embedding gets indices without an axis of samples"
    return None


@method(family="expanded weights", leaves=("grad", "grad_sample"), unsupported=beyond_expanded_weights)
def expanded_weights(problem: Problem) -> Jacobians:
    """call_for_per_sample_grads, one backward pass for each output."""
    θ = problem.parameters
    J = {name: p.new_zeros(problem.N, problem.C, *p.shape) for name, p in θ.items()}
    for c in range(problem.C):
        f = call_for_per_sample_grads(problem.model, batch_size=problem.N, loss_reduction="sum")(problem.X)
        f.reshape(problem.N, problem.C)[:, c].sum().backward()
        for name, p in θ.items():
            # Nothing is saved where no gradient comes; what is used without a rule has raised before.
            if hasattr(p, "grad_sample"):
                J[name][:, c] = p.grad_sample
                del p.grad_sample
    return J
