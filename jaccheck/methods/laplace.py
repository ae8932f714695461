"""laplace-torch: the `jacobians` of its backends for curvature, an optional extra."""

from __future__ import annotations

from typing import Any

from torch import nn

from jaccheck.methods.backpack import beyond_batch_grad
from jaccheck.methods.problem import Jacobians, Problem
from jaccheck.methods.registry import method, spreads

PACKAGE = "laplace-torch"


_ASDL_RULED = (nn.Linear, nn.Conv2d, nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm, nn.Embedding)
"""Modules that ASDL has operations for; it leaves out the parameters of others, and only warns."""


def _beyond_rows(problem: Problem) -> str | None:
    *_, last = problem.model.modules()
    if isinstance(last, nn.Flatten) and last.start_dim == 0:
        return "output of shape [N]: laplace-torch takes columns of [N, C]"
    return None


def _beyond_backpack(problem: Problem) -> str | None:
    """What BatchGrad does not do, and what this backend asks of it beyond that."""
    if problem.N == 0:
        return "it cannot reshape the gradients of an empty batch"
    if len(list(problem.model.parameters())) > len(problem.parameters):
        return "it takes grad_batch of every parameter, and a frozen one has none"
    return beyond_batch_grad(problem)


def _beyond_asdl(problem: Problem) -> str | None:
    for path, module in problem.model.named_modules():
        where = f"{path or 'the model'} ({type(module).__name__})"
        if not any(p.requires_grad for p in module.parameters(recurse=False)):
            continue
        if not isinstance(module, _ASDL_RULED):
            return f"ASDL has no operation for {where}"
        if isinstance(module, nn.Conv2d) and (module.dilation != (1, 1) or module.padding == "same"):
            return f"ASDL does not unfold {where} with a dilation or padding='same'"
        if isinstance(module, nn.Embedding) and problem.dtype != "float32":
            return f"ASDL takes {where} in float32 only"
    return _beyond_rows(problem)


def _jacobians(backend: type[Any], problem: Problem) -> Jacobians:
    """What a backend makes of the network, parameter by parameter."""
    N, C, θ = problem.N, problem.C, problem.parameters
    model: Any = problem.model
    model.output_size = C  # as `Laplace.fit` does
    J, _ = backend(model, "regression").jacobians(problem.X)
    parts = J.split([p.numel() for p in θ.values()], dim=2)
    return {name: part.reshape(N, C, *p.shape) for (name, p), part in zip(θ.items(), parts, strict=True)}


@method(
    family="laplace",
    package=PACKAGE,
    imports="laplace.curvature",
    leaves=("output_size",),
    unsupported=_beyond_rows,
    spreads=spreads,
)
def laplace_curvlinops(problem: Problem) -> Jacobians:
    """laplace-torch's CurvlinopsGGN, its default backend: torch.func.jacrev of the batch."""
    from laplace.curvature import CurvlinopsGGN

    return _jacobians(CurvlinopsGGN, problem)


@method(
    family="laplace",
    package=PACKAGE,
    imports="laplace.curvature",
    leaves=("output_size", "_backpack_extend"),
    unsupported=_beyond_backpack,
)
def laplace_backpack(problem: Problem) -> Jacobians:
    """laplace-torch's BackPackGGN: BackPACK's BatchGrad, one pass for each output."""
    from laplace.curvature import BackPackGGN

    return _jacobians(BackPackGGN, problem)


@method(
    family="laplace",
    package=PACKAGE,
    imports="laplace.curvature",
    leaves=("grad", "output_size", "_original_requires_grad"),
    unsupported=_beyond_asdl,
)
def laplace_asdl(problem: Problem) -> Jacobians:
    """laplace-torch's AsdlGGN: ASDL's hooks on modules, one pass for each output."""
    from laplace.curvature import AsdlGGN

    return _jacobians(AsdlGGN, problem)
