"""Independent witnesses: a closed form in the case's own dtype, and central differences."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from jaccheck.methods.registry import TooCostly, method
from jaccheck.problem import Jacobians, Problem

STEP = 2.0**-17
"""Near the cube root of float64's unit roundoff, where truncation and rounding of a difference balance."""

MOST_PARAMETERS = 600
"""Central differences evaluate the network twice for each number in it."""


def _slope(module: nn.Module, z: Tensor) -> Tensor:
    match module:
        case nn.ReLU():
            return (z > 0).to(z.dtype)
        case nn.LeakyReLU():
            return torch.full_like(z, module.negative_slope).masked_fill(z > 0, 1.0)
        case nn.Sigmoid():
            return torch.sigmoid(z) * torch.sigmoid(-z)
        case nn.Tanh():
            return 1 - torch.tanh(z).square()
        case nn.LogSigmoid():
            return torch.sigmoid(-z)
        case nn.ELU():
            return (module.alpha * torch.exp(z)).masked_fill(z > 0, 1.0)
        case nn.SELU():
            scale, alpha = 1.0507009873554805, 1.6732632423543772
            return (scale * alpha * torch.exp(z)).masked_fill(z > 0, scale)
        case _:
            return torch.ones_like(z)


@method(family="closed form")
def closed_form(problem: Problem, *, out: Jacobians | None = None) -> Jacobians:
    """Backpropagation of unit vectors written out: no autograd, no hooks."""
    tape, a = [], problem.X.detach()
    with torch.no_grad():
        for path, module in problem.model.named_modules():
            if not isinstance(module, nn.Sequential):
                tape.append((path, module, a))
                a = module(a)
        θ = problem.parameters
        J = out or {name: p.new_empty(problem.N, problem.C, *p.shape) for name, p in θ.items()}
        # converted, since torch 2.2 makes no identity of bfloat16
        δ = torch.eye(problem.C, device=a.device).to(a.dtype).repeat(problem.N, 1, 1)
        for path, module, a in reversed(tape):
            if isinstance(module, nn.Linear):
                if f"{path}.weight" in J:
                    torch.mul(δ[..., None], a[:, None, None], out=J[f"{path}.weight"])
                if f"{path}.bias" in J:
                    J[f"{path}.bias"].copy_(δ)
                δ = δ @ module.weight
            elif not isinstance(module, nn.Flatten):
                δ = δ * _slope(module, a).flatten(1)[:, None]
    return J


def _few_parameters(problem: Problem) -> str | None:
    numbers = sum(p.numel() for p in problem.parameters.values())
    if numbers > MOST_PARAMETERS:
        return TooCostly(f"{numbers} numbers in its parameters, at most {MOST_PARAMETERS} are moved")
    return None


@method(family="differences", unsupported=_few_parameters, step=STEP)
def central_differences(problem: Problem) -> Jacobians:
    """(f(θ + h) − f(θ − h)) / 2h, one number of θ at a time, in float64 whatever the dtype."""
    J, X = {}, problem.X.double()
    with torch.no_grad():
        θ = {name: p.double() for name, p in problem.model.named_parameters()}
        for name, p in problem.parameters.items():
            moves = STEP * torch.eye(p.numel(), dtype=X.dtype, device=p.device).reshape(p.numel(), *p.shape)

            def f(value: Tensor, name: str = name) -> Tensor:
                return functional_call(problem.model, {**θ, name: value}, (X,)).reshape(problem.N, problem.C)

            above, below = θ[name] + moves, θ[name] - moves
            width = (above - below).flatten(1).sum(1)
            rise = vmap(f, chunk_size=64)(above) - vmap(f, chunk_size=64)(below)
            rows = (rise / width[:, None, None]).permute(1, 2, 0)
            J[name] = rows.reshape(problem.N, problem.C, *p.shape).to(p.dtype)
    return J
