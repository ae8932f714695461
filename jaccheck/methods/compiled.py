"""`torch.compile` of torch.func's transforms: compiled anew for each kind of model and shape, by name only.

What is compiled is the whole function from parameters and batch to Jacobians, so that forward pass, backward pass and
the products in between may be fused. It takes seconds, once for each kind of model, shape and dtype; models that are
alike share what was compiled.
"""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.func import functional_call, jacfwd, jacrev, vmap

from jaccheck.errors import NotCovered
from jaccheck.methods.autograd import needs_dense_samples
from jaccheck.methods.func import needs_a_basis
from jaccheck.methods.problem import Jacobians, Problem
from jaccheck.methods.recompiling import recompiling
from jaccheck.methods.registry import method
from jaccheck.oracle import Order

LEFT = (
    *("_dynamo_static_input_type", "recursion limit", "threads"),
    *(
        f"torch.nn.modules.module.Module.{name}"
        for name in (
            *("___needs_generation_tag_patch", "___has_generation_tag_patch"),  # before torch 2.15, and from then on
            *("__init__", "__setstate__"),
        )
    ),
)
"""What torch's compiler leaves: a mark on each parameter; once in a process two methods of all modules, a higher limit
on recursion, and the threads of what it has compiled.
"""

Transform = Callable[[nn.Module, Jacobians, Tensor, int], Jacobians]


def _reverse(model: nn.Module, θ: Jacobians, X: Tensor, C: int) -> Jacobians:
    def f(θ: Jacobians, x: Tensor) -> Tensor:
        return functional_call(model, θ, (x[None],)).reshape(C)

    return vmap(jacrev(f), in_dims=(None, 0))(θ, X)


def _forward(model: nn.Module, θ: Jacobians, X: Tensor, C: int) -> Jacobians:
    def f(θ: Jacobians, x: Tensor) -> Tensor:
        return functional_call(model, θ, (x[None],)).reshape(C)

    return vmap(jacfwd(f), in_dims=(None, 0))(θ, X)


@cache
def _compiled(transform: Transform) -> Transform:
    compiled: Transform = torch.compile(transform, fullgraph=True, dynamic=False)
    return compiled


def _cannot_compile(problem: Problem) -> str | None:
    """What torch's compiler needs: a model that is not compiled itself, a batch, and a C++ compiler for the CPU."""
    if problem.N == 0:
        return "its batch size must be positive"
    if problem.X.device.type == "cpu" and not any(
        map(shutil.which, (os.environ.get("CXX") or "c++", "g++", "clang++"))
    ):
        return "torch.compile needs a C++ compiler on the CPU; none was found on the PATH"
    return None


def _for_reverse(problem: Problem) -> str | None:
    return _cannot_compile(problem) or needs_dense_samples(problem)


def _for_forward(problem: Problem) -> str | None:
    return _for_reverse(problem) or needs_a_basis(problem)


def _run(transform: Transform, problem: Problem) -> Jacobians:
    """Compiles where this kind of model is new, and runs. Raises NotCovered for what torch cannot trace as a whole."""
    from torch import _dynamo as dynamo

    θ = {name: p.detach() for name, p in problem.parameters.items()}
    # Distributions that look at their arguments cannot be traced. torch switches that off at the first use of its
    # compiler, and leaves it so for the whole process; here it is afterwards as it was.
    validates = Distribution._validate_args
    with recompiling(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own compiler uses what torch deprecates
        try:
            Distribution.set_default_validate_args(False)
            return _compiled(transform)(problem.model, θ, problem.X, problem.C)
        except dynamo.exc.Unsupported as error:
            raise NotCovered(f"torch.compile cannot trace it as a whole: {str(error).splitlines()[0]}") from error
        finally:
            Distribution.set_default_validate_args(validates)


@method(
    family="torch.compile", leaves=LEFT, unsupported=_for_reverse, order=Order.ANY, only_by_name=True, compiles=True
)
def vmap_jacrev_compiled(problem: Problem) -> Jacobians:
    """vmap over samples of jacrev, all of it by torch.compile."""
    return _run(_reverse, problem)


@method(
    family="torch.compile", leaves=LEFT, unsupported=_for_forward, order=Order.ANY, only_by_name=True, compiles=True
)
def vmap_jacfwd_compiled(problem: Problem) -> Jacobians:
    """vmap over samples of jacfwd, the forward mode, all of it by torch.compile."""
    J = _run(_forward, problem)
    return {name: jacobian.to(problem.parameters[name].dtype) for name, jacobian in J.items()}
