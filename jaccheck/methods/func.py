"""`torch.func`: jacrev over the batch, and jacrev, jacfwd and vjp of one sample under vmap; whole and in chunks."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import functional_call, jacfwd, jacrev, linearize, vjp, vmap

from jaccheck.methods.autograd import needs_dense_samples, needs_samples, takes_no_sparse
from jaccheck.methods.problem import Jacobians, Problem
from jaccheck.methods.registry import TooCostly, method, spreads
from jaccheck.oracle import Order


@method(family="torch.func", unsupported=takes_no_sparse, spreads=spreads)
def func_jacrev(problem: Problem) -> Jacobians:
    """torch.func.jacrev of the whole batch."""

    def f(θ: dict[str, Tensor]) -> Tensor:
        return functional_call(problem.model, θ, (problem.X,)).reshape(problem.N, problem.C)

    return jacrev(f)({name: p.detach() for name, p in problem.parameters.items()})


@method(family="torch.func", unsupported=takes_no_sparse, spreads=spreads, variant_of="func_jacrev")
def func_jacrev_chunked(problem: Problem) -> Jacobians:
    """torch.func.jacrev of the whole batch, three rows at a time."""

    def f(θ: dict[str, Tensor]) -> Tensor:
        return functional_call(problem.model, θ, (problem.X,)).reshape(problem.N, problem.C)

    return jacrev(f, chunk_size=3)({name: p.detach() for name, p in problem.parameters.items()})


@method(family="torch.func", unsupported=takes_no_sparse)
def vmap_jacrev(problem: Problem) -> Jacobians:
    """vmap over samples of jacrev."""

    def f(θ: dict[str, Tensor], x: Tensor) -> Tensor:
        return functional_call(problem.model, θ, (x[None],)).reshape(problem.C)

    θ = {name: p.detach() for name, p in problem.parameters.items()}
    return vmap(jacrev(f), in_dims=(None, 0))(θ, problem.X)


@method(family="torch.func", unsupported=needs_dense_samples, variant_of="vmap_jacrev")
def vmap_jacrev_chunked(problem: Problem) -> Jacobians:
    """vmap over samples of jacrev, three samples and two rows at a time."""

    def f(θ: dict[str, Tensor], x: Tensor) -> Tensor:
        return functional_call(problem.model, θ, (x[None],)).reshape(problem.C)

    θ = {name: p.detach() for name, p in problem.parameters.items()}
    return vmap(jacrev(f, chunk_size=2), in_dims=(None, 0), chunk_size=3)(θ, problem.X)


MOST_BASIS_BYTES = 2**30
"""Forward mode begins with a tangent for each number in θ, P of them with P numbers each, for one sample as for all."""


def needs_a_basis(problem: Problem) -> str | None:
    """Refuses where torch's jacfwd would fill more than 1 GiB with the tangents that it begins with."""
    θ = problem.parameters.values()
    count = sum(p.numel() for p in θ)
    size = count * sum(p.nbytes for p in θ)
    if size <= MOST_BASIS_BYTES:
        return None
    return TooCostly(f"jacfwd begins with {count:,} tangents of as many numbers, {size / 2**30:,.0f} GiB")


def _needs_samples_and_basis(problem: Problem) -> str | None:
    return needs_samples(problem) or needs_a_basis(problem)


def _in_own_dtype(J: Jacobians, θ: dict[str, Tensor]) -> Jacobians:
    """Forward mode gives the outputs' dtype, which is not that of every parameter of a model of several dtypes."""
    return {name: jacobian.to(θ[name].dtype) for name, jacobian in J.items()}


@method(family="torch.func", unsupported=needs_a_basis, order=Order.ANY)
def func_jacfwd(problem: Problem) -> Jacobians:
    """torch.func.jacfwd of the whole batch, the forward mode."""

    def f(θ: dict[str, Tensor]) -> Tensor:
        return functional_call(problem.model, θ, (problem.X,)).reshape(problem.N, problem.C)

    θ = {name: p.detach() for name, p in problem.parameters.items()}
    return _in_own_dtype(jacfwd(f)(θ), θ)


MOST_TANGENTS = 600
"""Of torch.func.linearize, whose linear function is called for each number in θ, one after the other."""


def _few_tangents(problem: Problem) -> str | None:
    count = sum(p.numel() for p in problem.parameters.values())
    return TooCostly(f"{count:,} numbers in θ, at most {MOST_TANGENTS} tangents") if count > MOST_TANGENTS else None


@method(family="torch.func", unsupported=_few_tangents, order=Order.ANY, only_by_name=True)
def func_linearize(problem: Problem) -> Jacobians:
    """torch.func.linearize of the whole batch, whose linear function gets one tangent after the other."""

    def f(θ: dict[str, Tensor]) -> Tensor:
        return functional_call(problem.model, θ, (problem.X,)).reshape(problem.N, problem.C)

    θ = {name: p.detach() for name, p in problem.parameters.items()}
    _, linear = linearize(f, θ)
    zeros, J = {name: torch.zeros_like(p) for name, p in θ.items()}, {}
    for name, p in θ.items():
        J[name] = p.new_zeros(problem.N, problem.C, p.numel())
        for index in range(p.numel()):
            tangent = torch.zeros_like(p)
            tangent.view(-1)[index] = 1
            J[name][..., index] = linear({**zeros, name: tangent})
        J[name] = J[name].reshape(problem.N, problem.C, *p.shape)
    return J


@method(family="torch.func", unsupported=needs_a_basis, order=Order.ANY)
def vmap_jacfwd(problem: Problem) -> Jacobians:
    """vmap over samples of jacfwd, the forward mode."""

    def f(θ: dict[str, Tensor], x: Tensor) -> Tensor:
        return functional_call(problem.model, θ, (x[None],)).reshape(problem.C)

    θ = {name: p.detach() for name, p in problem.parameters.items()}
    return _in_own_dtype(vmap(jacfwd(f), in_dims=(None, 0))(θ, problem.X), θ)


@method(family="torch.func", unsupported=_needs_samples_and_basis, order=Order.ANY, variant_of="vmap_jacfwd")
def vmap_jacfwd_chunked(problem: Problem) -> Jacobians:
    """vmap over samples of jacfwd, three samples at a time."""

    def f(θ: dict[str, Tensor], x: Tensor) -> Tensor:
        return functional_call(problem.model, θ, (x[None],)).reshape(problem.C)

    θ = {name: p.detach() for name, p in problem.parameters.items()}
    return _in_own_dtype(vmap(jacfwd(f), in_dims=(None, 0), chunk_size=3)(θ, problem.X), θ)


@method(family="torch.func", unsupported=takes_no_sparse)
def vmap_vjp(problem: Problem) -> Jacobians:
    """vmap over samples of vjp, itself vmapped over unit vectors."""
    # converted, since torch 2.2 makes no identity of bfloat16
    seeds = torch.eye(problem.C, device=problem.X.device).to(problem.X.dtype)

    def rows(θ: dict[str, Tensor], x: Tensor) -> Jacobians:
        pull = vjp(lambda θ: functional_call(problem.model, θ, (x[None],)).reshape(problem.C), θ)[1]
        return vmap(pull)(seeds)[0]

    θ = {name: p.detach() for name, p in problem.parameters.items()}
    return vmap(rows, in_dims=(None, 0))(θ, problem.X)


@method(family="torch.func", unsupported=needs_dense_samples, variant_of="vmap_vjp")
def vmap_vjp_chunked(problem: Problem) -> Jacobians:
    """vmap over samples of vjp, three samples and two unit vectors at a time."""
    # converted, since torch 2.2 makes no identity of bfloat16
    seeds = torch.eye(problem.C, device=problem.X.device).to(problem.X.dtype)

    def rows(θ: dict[str, Tensor], x: Tensor) -> Jacobians:
        pull = vjp(lambda θ: functional_call(problem.model, θ, (x[None],)).reshape(problem.C), θ)[1]
        return vmap(pull, chunk_size=2)(seeds)[0]

    θ = {name: p.detach() for name, p in problem.parameters.items()}
    return vmap(rows, in_dims=(None, 0), chunk_size=3)(θ, problem.X)
