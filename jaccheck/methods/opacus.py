"""Opacus: per-sample gradients by hooks of its own, an optional extra."""

from __future__ import annotations

import copy
import warnings

from torch import nn

from jaccheck.methods.registry import method
from jaccheck.problem import Jacobians, Problem

PACKAGE = "opacus"

missing: str | None = None
try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from opacus.grad_sample import GradSampleModule
except ModuleNotFoundError as error:
    missing = f"{PACKAGE} is not installed" if error.name == "opacus" else f"opacus does not import: {error!r}"
except Exception as error:  # a package that is there but broken cannot run, whatever it raises
    missing = f"opacus does not import: {error!r}"


def _beyond_hooks(problem: Problem) -> str | None:
    """What Opacus says it does not do; for other layers without a sampler of its own it takes torch.func."""
    names = [name for name, p in problem.model.named_parameters(remove_duplicate=False) if p.requires_grad]
    if len(names) > len(problem.parameters):
        return "a parameter is shared by two modules"
    for path, module in problem.model.named_modules():
        name = f"{path or 'the model'} ({type(module).__name__})"
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and any(p.requires_grad for p in module.parameters()):
            return f"Opacus refuses {name}"
        if isinstance(module, nn.RNNBase | nn.MultiheadAttention):
            return f"Opacus has a module of its own in the place of {name}"
    return None


@method(family="opacus", package=PACKAGE, missing=missing, leaves=("grad",), unsupported=_beyond_hooks)
def opacus_hooks(problem: Problem) -> Jacobians:
    """Opacus' GradSampleModule on a copy and on every sample repeated C times, one backward pass in all."""
    N, C = problem.N, problem.C
    model = GradSampleModule(copy.deepcopy(problem.model), batch_first=True, loss_reduction="sum")
    for module in model.modules():
        # Its hooks keep inputs in training mode only; layers with parameters do the same in both modes.
        module.training = any(True for _ in module.parameters(recurse=False))
    f = model(problem.X.repeat_interleave(C, dim=0)).reshape(N, C, C)
    f.diagonal(dim1=1, dim2=2).sum().backward()
    θ = dict(model._module.named_parameters())
    return {name: θ[name].grad_sample.reshape(N, C, *p.shape) for name, p in problem.parameters.items()}
