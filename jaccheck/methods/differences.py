"""Central differences, which share nothing with any backward pass."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import functional_call, vmap

from jaccheck.methods.registry import TooCostly, method
from jaccheck.problem import Jacobians, Problem

STEP = 2.0**-17
"""Near the cube root of float64's unit roundoff, where truncation and rounding of a difference balance."""

MOST_PARAMETERS = 600
"""Central differences evaluate the network twice for each number in it."""


def _few_parameters(problem: Problem) -> str | None:
    numbers = sum(p.numel() for p in problem.parameters.values())
    if numbers > MOST_PARAMETERS:
        return TooCostly(f"{numbers} numbers in its parameters, at most {MOST_PARAMETERS} are moved")
    return None


def _doubled(tensor: Tensor) -> Tensor:
    return tensor.double() if tensor.is_floating_point() else tensor


@method(family="differences", unsupported=_few_parameters, step=STEP)
def central_differences(problem: Problem) -> Jacobians:
    """(f(θ + h) − f(θ − h)) / 2h, one number of θ at a time, in float64 whatever the dtype."""
    J, X = {}, _doubled(problem.X)
    with torch.no_grad():
        model = problem.model
        θ = {name: _doubled(value) for name, value in (*model.named_parameters(), *model.named_buffers())}
        for name, p in problem.parameters.items():
            moves = STEP * torch.eye(p.numel(), dtype=torch.float64, device=p.device).reshape(p.numel(), *p.shape)

            def f(value: Tensor, name: str = name) -> Tensor:
                return functional_call(problem.model, {**θ, name: value}, (X,)).reshape(problem.N, problem.C)

            above, below = θ[name] + moves, θ[name] - moves
            width = (above - below).flatten(1).sum(1)
            rise = vmap(f, chunk_size=64)(above) - vmap(f, chunk_size=64)(below)
            rows = (rise / width[:, None, None]).permute(1, 2, 0)
            J[name] = rows.reshape(problem.N, problem.C, *p.shape).to(p.dtype)
    return J
