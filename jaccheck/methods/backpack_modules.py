"""BackPACK's own modules for what stands between layers: views, factors, sums of branches."""

from __future__ import annotations

import copy
from itertools import dropwhile
from math import sqrt
from typing import Any

import torch
from torch import nn

from jaccheck.methods import containers
from jaccheck.methods.backpack import SCALING_ROUNDINGS, backpack_method, missing_ggn, saved
from jaccheck.methods.backpack_options import beyond_second_order_options, mse_loss_lacks, ruled_types
from jaccheck.methods.problem import Jacobians, Problem
from jaccheck.methods.registry import TooCostly

if not missing_ggn:
    from backpack import backpack, extend
    from backpack.custom_module.branching import Parallel
    from backpack.custom_module.pad import Pad
    from backpack.custom_module.permute import Permute
    from backpack.custom_module.scale_module import ScaleModule
    from backpack.custom_module.slicing import Slicing
    from backpack.extensions import SqrtGGNExact


def with_modules(module: Any) -> Any:
    """The same network with BackPACK's module in the place of each of ours; its layers are the same objects.

    Ours are told by their names, so that this can be cut out into a script, which has copies of them.
    """
    inside = [with_modules(child) for child in module.children()]
    match type(module).__name__:
        case "Permute":
            return Permute(0, *module.order)
        case "Transpose":
            return Permute(module.first, module.second, init_transpose=True)
        case "Slice" | "Take":
            return Slicing(module.index)
        case "Pad":
            return Pad(module.padding, value=module.value)
        case "Scale":
            return ScaleModule(float(module.factor))
        case "Residual":
            return Parallel(nn.Identity(), nn.Sequential(*inside))
        case "Parallel" if module.merge == "sum":
            return Parallel(*inside)
        case "Sequential":
            return nn.Sequential(*inside)
    return module


def _needs_modules(problem: Problem) -> str | None:
    """What stays without a rule; only modules are looked at."""
    if not any(_is_ours(module) for module in problem.model.modules()):
        return TooCostly("none of its modules has a counterpart among BackPACK's own: sqrt_ggn_sum is the same")
    if lacking := mse_loss_lacks(getattr(torch, problem.dtype), problem.X.device):
        return lacking
    made = with_modules(problem.model)
    leaves = [(path, module) for path, module in made.named_modules() if not list(module.children())]
    if not problem.X.requires_grad:
        # What stands before the first parameter is not backpropagated through.
        leaves = list(dropwhile(lambda leaf: not any(p.requires_grad for p in leaf[1].parameters()), leaves))
    for path, module in leaves:
        if type(module) not in ruled_types(SqrtGGNExact) and type(module) is not nn.Sequential:
            return f"SqrtGGNExact has no rule for {path} ({type(module).__name__})"
        if reason := beyond_second_order_options(module):
            return f"SqrtGGNExact does not cover {reason}, as {path}"
    reached = {module for _, module in leaves}
    for module in made.modules():
        if _is_ours(module) and not reached.isdisjoint(module.modules()):
            return f"BackPACK has no module for {type(module).__name__}"
    return None


def _is_ours(module: nn.Module) -> bool:
    return type(module).__module__ == containers.__name__


@backpack_method(missing_ggn, roundings=lambda N, C: SCALING_ROUNDINGS, unsupported=_needs_modules)
def sqrt_ggn_modules(problem: Problem) -> Jacobians:
    """SqrtGGNExact as sqrt_ggn_sum, on a copy with BackPACK's own modules between layers."""
    copied = copy.deepcopy(problem.model)
    θ = {name: p for name, p in copied.named_parameters() if p.requires_grad}
    f = extend(with_modules(copied))(problem.X).reshape(problem.N, problem.C)
    loss = extend(nn.MSELoss(reduction="sum"))(f, torch.zeros_like(f))
    with backpack(SqrtGGNExact()):
        loss.backward()
    G = {name: saved(problem.told(name), p, "sqrt_ggn_exact", problem.C, problem.N) for name, p in θ.items()}
    return {name: g.transpose(0, 1) / sqrt(2) for name, g in G.items()}
