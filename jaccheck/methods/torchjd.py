"""TorchJD: the Jacobian of the whole output by its `jac`, an optional extra."""

from __future__ import annotations

from jaccheck.methods.autograd import needs_samples
from jaccheck.methods.problem import Jacobians, Problem
from jaccheck.methods.registry import method, spreads

PACKAGE = "torchjd"


@method(family="torchjd", package=PACKAGE, imports="torchjd.autojac", unsupported=needs_samples, spreads=spreads)
def torchjd_jac(problem: Problem) -> Jacobians:
    """TorchJD's jac of the batch's output: all rows at once, by vmap."""
    from torchjd.autojac import jac

    θ = problem.parameters
    rows = jac(problem.model(problem.X), list(θ.values()))
    return {name: J.reshape(problem.N, problem.C, *J.shape[1:]) for name, J in zip(θ, rows, strict=True)}


@method(family="torchjd", package=PACKAGE, imports="torchjd.autojac", unsupported=needs_samples, spreads=spreads)
def torchjd_jac_sequential(problem: Problem) -> Jacobians:
    """TorchJD's jac with parallel_chunk_size=1: one row after another, without vmap."""
    from torchjd.autojac import jac

    θ = problem.parameters
    rows = jac(problem.model(problem.X), list(θ.values()), parallel_chunk_size=1)
    return {name: J.reshape(problem.N, problem.C, *J.shape[1:]) for name, J in zip(θ, rows, strict=True)}
