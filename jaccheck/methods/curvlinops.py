"""curvlinops: the Jacobian as a linear operator, applied to the identity from either side; an optional extra."""

from __future__ import annotations

import torch
from torch import Tensor

from jaccheck.methods.problem import Jacobians, Problem
from jaccheck.methods.registry import method, spreads
from jaccheck.oracle import Order

PACKAGE = "curvlinops-for-pytorch"


def _split(matrix: Tensor, problem: Problem) -> Jacobians:
    """The matrix `(N·C, all θ)` as Jacobians."""
    θ, NC = problem.parameters, (problem.N, problem.C)
    parts = matrix.split([p.numel() for p in θ.values()], dim=1)
    return {name: part.reshape(*NC, *p.shape) for (name, p), part in zip(θ.items(), parts, strict=True)}


@method(family="curvlinops", package=PACKAGE, imports="curvlinops", spreads=spreads)
def curvlinops_rows(problem: Problem) -> Jacobians:
    """curvlinops' TransposedJacobianLinearOperator times the identity: all rows, by vmap of vjp."""
    from curvlinops import TransposedJacobianLinearOperator

    θ = list(problem.parameters.values())
    data = [(problem.X, problem.X)]
    operator = TransposedJacobianLinearOperator(problem.model, θ, data, check_deterministic=False)
    identity = torch.eye(problem.N * problem.C, dtype=θ[0].dtype, device=θ[0].device)
    return _split((operator @ identity).T, problem)


@method(family="curvlinops", package=PACKAGE, imports="curvlinops", order=Order.ANY)
def curvlinops_columns(problem: Problem) -> Jacobians:
    """curvlinops' JacobianLinearOperator times the identity: all columns, by vmap of jvp, in forward mode."""
    from curvlinops import JacobianLinearOperator

    θ = list(problem.parameters.values())
    data = [(problem.X, problem.X)]
    operator = JacobianLinearOperator(problem.model, θ, data, check_deterministic=False)
    identity = torch.eye(sum(p.numel() for p in θ), dtype=θ[0].dtype, device=θ[0].device)
    return _split(operator @ identity, problem)
