"""`torch.autograd.functional.jacobian` by the parameters."""

from __future__ import annotations

from torch import Tensor
from torch.autograd.functional import jacobian
from torch.func import functional_call

from jaccheck.methods.autograd import needs_dense_samples, takes_no_sparse
from jaccheck.methods.problem import Jacobians, Problem
from jaccheck.methods.registry import method, spreads


def _has_rows(problem: Problem) -> str | None:
    if problem.N == 0:
        return "it stacks the rows of f, and there are none in an empty batch"
    return takes_no_sparse(problem)


@method(family="functional", unsupported=_has_rows, spreads=spreads)
def functional_jacobian(problem: Problem) -> Jacobians:
    """autograd.functional.jacobian, row by row."""
    θ = {name: p.detach() for name, p in problem.parameters.items()}

    def f(*values: Tensor) -> Tensor:
        out: Tensor = functional_call(problem.model, dict(zip(θ, values, strict=True)), (problem.X,))
        return out.reshape(problem.N, problem.C)

    return dict(zip(θ, jacobian(f, tuple(θ.values())), strict=True))


@method(family="functional", unsupported=needs_dense_samples, spreads=spreads)
def functional_jacobian_vectorized(problem: Problem) -> Jacobians:
    """autograd.functional.jacobian with vectorize=True."""
    θ = {name: p.detach() for name, p in problem.parameters.items()}

    def f(*values: Tensor) -> Tensor:
        out: Tensor = functional_call(problem.model, dict(zip(θ, values, strict=True)), (problem.X,))
        return out.reshape(problem.N, problem.C)

    return dict(zip(θ, jacobian(f, tuple(θ.values()), vectorize=True), strict=True))
