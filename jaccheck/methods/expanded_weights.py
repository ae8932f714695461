"""ExpandedWeights, torch's prototype of per-sample gradients."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils._per_sample_grad import call_for_per_sample_grads

from jaccheck.methods.registry import method
from jaccheck.problem import Jacobians, Problem

_RULED = tuple(getattr(nn, name) for name in ("Linear", "Embedding", "LayerNorm", "GroupNorm", "RNN", "GRU")) + tuple(
    getattr(nn, f"{name}{axes}d") for name in ("Conv", "InstanceNorm") for axes in (1, 2, 3)
)
"""Modules whose functions torch.nn.utils._expanded_weights has a rule for."""


def beyond_expanded_weights(problem: Problem) -> str | None:
    """What ExpandedWeights have no rule for."""
    if problem.N == 0:
        return "its batch size must be positive"
    for path, module in problem.model.named_modules():
        # Recurrent layers are made of linear functions, but for an LSTM that oneDNN computes.
        if isinstance(module, nn.LSTM) and not _is_for_onednn(problem):
            continue
        if not isinstance(module, _RULED) and any(p.requires_grad for p in module.parameters(recurse=False)):
            return f"it has no rule for {path or 'the model'} ({type(module).__name__})"
    return None


def _is_for_onednn(problem: Problem) -> bool:
    """Whether torch leaves an LSTM to oneDNN: on the CPU, in float32 and what else this processor computes in."""
    if problem.X.device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    match problem.dtype:
        case "float32":
            return True
        case "bfloat16":
            return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
        case "float16":
            return bool(torch.ops.mkldnn._is_mkldnn_fp16_supported())
        case _:
            return False


@method(family="expanded weights", leaves=("grad", "grad_sample"), unsupported=beyond_expanded_weights)
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
