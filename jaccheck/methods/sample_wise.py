"""Whether a model's output for a sample depends on that sample alone, and is the same each time.

Else its Jacobian is not that of one sample after another, and methods differ without being wrong.

Both are looked for in the modules and then measured, since a `forward` can hold anything.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from jaccheck.errors import InvalidModel
from jaccheck.methods.problem import Problem

TRIED_ALONE = 8
"""Samples that are run alone, spread evenly over the batch, the first and the last among them."""

DIFFERENT = 2.0**-20
"""Of the largest output, in float64: far above what rounding does, far below what a batch's statistics do."""

DIFFERENT_ROUNDINGS = 256
"""The same in multiples of the unit roundoff, where a model does not run in float64."""


def check_modules(model: nn.Module) -> None:
    """Nothing, or InvalidModel for a module that is random, mixes samples, or belongs to BackPACK already."""
    for path, module in model.named_modules():
        name = f"{path or 'the model'} ({type(module).__name__})"
        if getattr(module, "_backpack_extend", False):
            raise InvalidModel(f"{name} has been extended by BackPACK; give a model that was not")
        random = (isinstance(module, _DropoutNd) and module.p > 0) or isinstance(module, nn.RReLU)
        if random and module.training:
            raise InvalidModel(f"{name} is in training mode and random; call model.eval() first")
        if isinstance(module, _BatchNorm) and (module.training or module.running_mean is None):
            raise InvalidModel(f"{name} mixes the samples of a batch; call model.eval() and keep running statistics")


def check_samples(problem: Problem) -> None:
    """Nothing, or InvalidModel where the model's outputs change from run to run, or with the other samples."""
    if not problem.N:
        return
    known = torch.get_rng_state()
    try:
        model, X, limit = _careful_copy(problem)
        with torch.no_grad():
            f = model(X)
            limit *= float(f.abs().nan_to_num(nan=0.0, posinf=0.0).max()) if f.numel() else 0.0
            if _differ(model(X), f, limit):
                raise InvalidModel(
                    "the model gives another output when it is run again: it is random, or keeps a state"
                )
            for n in sorted({round(i * (problem.N - 1) / (TRIED_ALONE - 1)) for i in range(TRIED_ALONE)}):
                alone = _run_alone(model, X, n)
                if alone.shape != f[n : n + 1].shape or _differ(alone, f[n : n + 1], limit):
                    raise InvalidModel(
                        f"the output for sample {n} is another one when it is run alone: outputs depend on other "
                        "samples, so per-sample methods compute something else"
                    )
    finally:
        torch.set_rng_state(known)


def _careful_copy(problem: Problem) -> tuple[nn.Module, Tensor, float]:
    """A copy in float64 where the model runs in it, and which share of the largest output counts as different."""
    X = problem.X.detach()
    try:
        model = copy.deepcopy(problem.model).double()
        double = X.double() if X.is_floating_point() else X
        with torch.no_grad():
            if model(double).dtype == torch.float64:
                return model, double, DIFFERENT
    except (RuntimeError, TypeError, ValueError, NotImplementedError):
        pass
    eps = torch.finfo(next(iter(problem.parameters.values())).dtype).eps
    return copy.deepcopy(problem.model), X, DIFFERENT_ROUNDINGS * eps


def _run_alone(model: nn.Module, X: Tensor, n: int) -> Tensor:
    try:
        f: Tensor = model(X[n : n + 1])
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".split("\n")[0]
        raise InvalidModel(f"the model does not run on sample {n} alone: {reason}") from error
    return f


def _differ(one: Tensor, other: Tensor, limit: float) -> bool:
    return not bool(
        ((one - other).abs() <= limit).logical_or(one.isnan() & other.isnan()).logical_or(one == other).all()
    )
