"""`torch.func`: jacrev over the batch, and jacrev, jacfwd and vjp of one sample under vmap; whole and in chunks."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import functional_call, jacfwd, jacrev, vjp, vmap

from jaccheck.methods.autograd import needs_samples
from jaccheck.methods.problem import Jacobians, Problem
from jaccheck.methods.registry import method
from jaccheck.oracle import Order


@method(family="torch.func")
def func_jacrev(problem: Problem) -> Jacobians:
    """torch.func.jacrev of the whole batch."""

    def f(θ: dict[str, Tensor]) -> Tensor:
        return functional_call(problem.model, θ, (problem.X,)).reshape(problem.N, problem.C)

    return jacrev(f)({name: p.detach() for name, p in problem.parameters.items()})


@method(family="torch.func")
def func_jacrev_chunked(problem: Problem) -> Jacobians:
    """torch.func.jacrev of the whole batch, three rows at a time."""

    def f(θ: dict[str, Tensor]) -> Tensor:
        return functional_call(problem.model, θ, (problem.X,)).reshape(problem.N, problem.C)

    return jacrev(f, chunk_size=3)({name: p.detach() for name, p in problem.parameters.items()})


@method(family="torch.func")
def vmap_jacrev(problem: Problem) -> Jacobians:
    """vmap over samples of jacrev."""

    def f(θ: dict[str, Tensor], x: Tensor) -> Tensor:
        return functional_call(problem.model, θ, (x[None],)).reshape(problem.C)

    θ = {name: p.detach() for name, p in problem.parameters.items()}
    return vmap(jacrev(f), in_dims=(None, 0))(θ, problem.X)


@method(family="torch.func", unsupported=needs_samples)
def vmap_jacrev_chunked(problem: Problem) -> Jacobians:
    """vmap over samples of jacrev, three samples and two rows at a time."""

    def f(θ: dict[str, Tensor], x: Tensor) -> Tensor:
        return functional_call(problem.model, θ, (x[None],)).reshape(problem.C)

    θ = {name: p.detach() for name, p in problem.parameters.items()}
    return vmap(jacrev(f, chunk_size=2), in_dims=(None, 0), chunk_size=3)(θ, problem.X)


@method(family="torch.func", order=Order.ANY)
def vmap_jacfwd(problem: Problem) -> Jacobians:
    """vmap over samples of jacfwd, the forward mode."""

    def f(θ: dict[str, Tensor], x: Tensor) -> Tensor:
        return functional_call(problem.model, θ, (x[None],)).reshape(problem.C)

    θ = {name: p.detach() for name, p in problem.parameters.items()}
    return vmap(jacfwd(f), in_dims=(None, 0))(θ, problem.X)


@method(family="torch.func", unsupported=needs_samples, order=Order.ANY)
def vmap_jacfwd_chunked(problem: Problem) -> Jacobians:
    """vmap over samples of jacfwd, three samples at a time."""

    def f(θ: dict[str, Tensor], x: Tensor) -> Tensor:
        return functional_call(problem.model, θ, (x[None],)).reshape(problem.C)

    θ = {name: p.detach() for name, p in problem.parameters.items()}
    return vmap(jacfwd(f), in_dims=(None, 0), chunk_size=3)(θ, problem.X)


@method(family="torch.func")
def vmap_vjp(problem: Problem) -> Jacobians:
    """vmap over samples of vjp, itself vmapped over unit vectors."""
    # converted, since torch 2.2 makes no identity of bfloat16
    seeds = torch.eye(problem.C, device=problem.X.device).to(problem.X.dtype)

    def rows(θ: dict[str, Tensor], x: Tensor) -> Jacobians:
        pull = vjp(lambda θ: functional_call(problem.model, θ, (x[None],)).reshape(problem.C), θ)[1]
        return vmap(pull)(seeds)[0]

    θ = {name: p.detach() for name, p in problem.parameters.items()}
    return vmap(rows, in_dims=(None, 0))(θ, problem.X)


@method(family="torch.func", unsupported=needs_samples)
def vmap_vjp_chunked(problem: Problem) -> Jacobians:
    """vmap over samples of vjp, three samples and two unit vectors at a time."""
    # converted, since torch 2.2 makes no identity of bfloat16
    seeds = torch.eye(problem.C, device=problem.X.device).to(problem.X.dtype)

    def rows(θ: dict[str, Tensor], x: Tensor) -> Jacobians:
        pull = vjp(lambda θ: functional_call(problem.model, θ, (x[None],)).reshape(problem.C), θ)[1]
        return vmap(pull, chunk_size=2)(seeds)[0]

    θ = {name: p.detach() for name, p in problem.parameters.items()}
    return vmap(rows, in_dims=(None, 0), chunk_size=3)(θ, problem.X)
