"""NNGeometry: the Jacobian by its hooks on modules, an optional extra."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from jaccheck.methods.problem import Jacobians, Problem
from jaccheck.methods.registry import method

PACKAGE = "nngeometry"

_RULED = (
    *(nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d),
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm),
)
"""Modules of torch that its LayerCollection knows."""


def _beyond_rules(problem: Problem) -> str | None:
    """What its LayerCollection refuses, or cannot count the parameters of."""
    if problem.N == 0:
        return "a batch of no samples"
    for path, module in problem.model.named_modules():
        where = f"{path or 'the model'} ({type(module).__name__})"
        if type(module) not in _RULED and any(True for _ in module.parameters(recurse=False)):
            return f"LayerCollection has no rule for {where}"
        if type(module) in _RULED and module.weight is None:
            return f"{where} has no parameters"
        if isinstance(module, nn.modules.conv._ConvNd) and (module.groups > 1 or isinstance(module.padding, str)):
            return f"groups, and padding in words, are not read of {where}"
    return None


@method(family="nngeometry", package=PACKAGE, imports="nngeometry.jacobian", unsupported=_beyond_rules)
def nngeometry_hooks(problem: Problem) -> Jacobians:
    """NNGeometry's Jacobian of the batch, dense: one backward pass for each output, rules of its own for layers."""
    from nngeometry.jacobian import Jacobian

    def f(X: Tensor) -> Tensor:
        return problem.model(X).reshape(problem.N, problem.C)

    # A loader without a generator of its own draws from the global one, even where it does not shuffle.
    loader = DataLoader(TensorDataset(problem.X.detach()), batch_size=problem.N, generator=torch.Generator())
    J = Jacobian(problem.model, loader, function=f).to_torch().transpose(0, 1)
    θ = dict(problem.model.named_parameters())
    parts = dict(zip(θ, J.split([p.numel() for p in θ.values()], dim=2), strict=True))
    return {name: parts[name].reshape(problem.N, problem.C, *p.shape) for name, p in problem.parameters.items()}
