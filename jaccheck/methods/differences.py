"""Central differences and the complex step, which share nothing with any backward pass."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from jaccheck.methods import containers
from jaccheck.methods.own_losses import SequentialWithLoss
from jaccheck.methods.problem import Jacobians, Problem
from jaccheck.methods.registry import TooCostly, method
from jaccheck.oracle import Order

STEP = 2.0**-17
"""Near the cube root of float64's unit roundoff, where truncation and rounding of a difference balance."""

MOST_PARAMETERS = 600
"""Central differences evaluate the network twice for each number in it."""


BOUNDED = (
    *(nn.Linear, nn.Identity, nn.Dropout, nn.Flatten),
    *(nn.ReLU, nn.LeakyReLU, nn.ELU, nn.SELU, nn.Tanh, nn.Sigmoid, nn.LogSigmoid),
)
"""For chains of these it is known how far a difference quotient is from the derivative."""

AT_MANY_PLACES = "no bound is known for the error of its quotients by a weight that is used at many places"


def _beyond(problem: Problem) -> str | None:
    """Costly, or nothing that could be said of the result."""
    for path, module in problem.model.named_modules():
        if type(module) not in BOUNDED and type(module) is not nn.Sequential:
            kind = f"{path or 'the model'} ({type(module).__name__})"
            return TooCostly(f"no bound is known for the error of its quotients through {kind}")
        if isinstance(module, nn.Linear) and problem.X.dim() != 2 and not _is_flat(problem.model):
            return TooCostly(AT_MANY_PLACES)
    if len(list(problem.model.named_parameters(remove_duplicate=False))) > len(list(problem.model.parameters())):
        return TooCostly(AT_MANY_PLACES)
    return _few_parameters(problem)


def _is_flat(model: nn.Module) -> bool:
    """Whether a Flatten of all but the samples stands before the first Linear."""
    first = next((module for module in model.modules() if isinstance(module, nn.Linear | nn.Flatten)), None)
    return isinstance(first, nn.Flatten) and (first.start_dim, first.end_dim) == (1, -1)


def _few_parameters(problem: Problem) -> str | None:
    numbers = sum(p.numel() for p in problem.parameters.values())
    if numbers > MOST_PARAMETERS:
        return TooCostly(f"{numbers:,} numbers in its parameters, at most {MOST_PARAMETERS} are moved")
    return None


def _doubled(tensor: Tensor) -> Tensor:
    return tensor.double() if tensor.is_floating_point() else tensor


@method(family="differences", unsupported=_beyond, step=STEP)
def central_differences(problem: Problem) -> Jacobians:
    """(f(θ + h) − f(θ − h)) / 2h, one number of θ at a time, in float64 whatever the dtype."""
    J, X = {}, _doubled(problem.X)
    with torch.no_grad():
        model = problem.model
        θ = {name: _doubled(value) for name, value in (*model.named_parameters(), *model.named_buffers())}
        for name, p in problem.parameters.items():
            if not p.numel():
                J[name] = p.new_zeros(problem.N, problem.C, *p.shape)
                continue
            moves = STEP * torch.eye(p.numel(), dtype=torch.float64, device=p.device).reshape(p.numel(), *p.shape)

            def f(value: Tensor, name: str = name) -> Tensor:
                return functional_call(problem.model, {**θ, name: value}, (X,)).reshape(problem.N, problem.C)

            above, below = θ[name] + moves, θ[name] - moves
            width = (above - below).flatten(1).sum(1)
            rise = vmap(f, chunk_size=64)(above) - vmap(f, chunk_size=64)(below)
            rows = (rise / width[:, None, None]).permute(1, 2, 0)
            J[name] = rows.reshape(problem.N, problem.C, *p.shape).to(p.dtype)
    return J


COMPLEX_STEP = 2.0**-200
"""Its square is far below any rounding, and no imaginary part of a drawn network underflows."""

_ANALYTIC = (
    *(nn.Linear, nn.Embedding, nn.Identity, nn.Dropout, nn.Flatten, nn.ZeroPad2d, nn.Tanh, nn.Sequential),
    *(containers.Residual, containers.Repeat, containers.Parallel, containers.Scale, containers.Own),
    *(containers.Permute, containers.Transpose, containers.Slice, containers.Take, containers.Pad),
    containers.AddEmbedding,
)
"""Analytic functions whose complex kernels keep a small imaginary part. A complex convolution is made of three real
ones and cancels it."""


def _beyond_analytic(problem: Problem) -> str | None:
    """Functions that are not analytic, or that torch does not compute for complex numbers without loss."""
    for path, module in problem.model.named_modules():
        where = f"{path or 'the model'} ({type(module).__name__})"
        if isinstance(module, SequentialWithLoss):
            return TooCostly("torch computes few losses of complex numbers")
        if isinstance(module, nn.Sigmoid | nn.SiLU):
            return TooCostly(f"torch's complex sigmoid overflows where its argument is large, as in {where}")
        if type(module) not in _ANALYTIC:
            return f"{where} is not known to be analytic and to be computed for complex numbers without loss"
        if isinstance(module, nn.Dropout) and module.training and 0 < module.p < 1:
            return f"{where} draws another mask in each forward pass"
        if isinstance(module, nn.Embedding) and (module.padding_idx is not None or module.max_norm is not None):
            return f"{where}: the derivative by a row of padding is zero by convention, and max_norm is not analytic"
    return _few_parameters(problem)


@method(family="differences", unsupported=_beyond_analytic, order=Order.ANY)
def complex_step(problem: Problem) -> Jacobians:
    """Im f(θ + ih) / h, one number of θ at a time, in complex128 whatever the dtype: no difference, no cancellation."""
    J, X = {}, _complex(problem.X)
    with torch.no_grad():
        model = problem.model
        θ = {name: _complex(value) for name, value in (*model.named_parameters(), *model.named_buffers())}
        for name, p in problem.parameters.items():
            if not p.numel():
                J[name] = p.new_zeros(problem.N, problem.C, *p.shape)
                continue
            moves = COMPLEX_STEP * torch.eye(p.numel(), dtype=torch.float64, device=p.device).reshape(-1, *p.shape)

            def f(move: Tensor, name: str = name) -> Tensor:
                moved = torch.complex(θ[name].real, move)
                return functional_call(model, {**θ, name: moved}, (X,)).reshape(problem.N, problem.C).imag

            rows = (vmap(f, chunk_size=64)(moves) / COMPLEX_STEP).permute(1, 2, 0)
            J[name] = rows.reshape(problem.N, problem.C, *p.shape).to(p.dtype)
    return J


def _complex(tensor: Tensor) -> Tensor:
    return tensor.to(torch.complex128) if tensor.is_floating_point() else tensor
