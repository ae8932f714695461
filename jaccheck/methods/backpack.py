"""BackPACK: BatchGrad and SqrtGGNExact. The only file that imports backpack."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import wraps
from itertools import dropwhile
from math import log2, sqrt
from typing import Any

import torch
from torch.fx import GraphModule, Node

from jaccheck.core import cut, text_of
from jaccheck.errors import NotCovered
from jaccheck.methods.backpack_options import beyond_options, beyond_second_order_options, mse_loss_lacks, ruled_types
from jaccheck.methods.chains import chain_of, containers
from jaccheck.methods.loss_gradients import has_shares, in_rows, inside
from jaccheck.methods.losses import CONVERSION_ROUNDINGS
from jaccheck.methods.problem import Jacobians, Problem
from jaccheck.methods.registry import Compute, TooCostly, method

PACKAGE = "backpack-for-pytorch"

missing: str | None = None
try:
    from backpack import backpack, extend
    from backpack.context import CTX
    from backpack.custom_module.graph_utils import convert_module_to_backpack
    from backpack.extensions import BatchGrad
except ModuleNotFoundError as error:
    missing = f"{PACKAGE} is not installed" if error.name == "backpack" else f"backpack does not import: {error!r}"
except Exception as error:  # a package that is there but broken is a broken environment, whatever it raises
    missing = f"backpack does not import: {error!r}"

missing_ggn = missing
if not missing:
    try:
        from backpack.extensions import SqrtGGNExact
    except ImportError:
        missing_ggn = f"this {PACKAGE} has no SqrtGGNExact, which came in 1.4.0"

# What BackPACK leaves behind by design: gradients, its results, one forward and one backward hook for each module.
LEFT = ("grad", "forward_hook", "backward_hook", "_backpack_extend", "input0", "output")

SCALING_ROUNDINGS = 6
"""√2 and √(NC) and their quotient in float64, that rounded to the dtype; the divisor, the same way; the division."""


def _forgetting_handles(compute: Compute) -> Compute:
    """The same, but BackPACK's global list of hook handles is as long after a call as before.

    `extend` appends two handles for each module to `CTX.hook_handles` and nothing ever takes them out, so a process
    that extends many models grows without end (BackPACK 1.7.1). To be removed when a release no longer does so.
    """

    @wraps(compute)
    def call(problem: Problem) -> Jacobians:
        known = len(CTX.hook_handles)
        try:
            return compute(problem)
        finally:
            del CTX.hook_handles[known:]

    return call


def backpack_method(missing: str | None = missing, **claims: Any) -> Callable[[Compute], Compute]:
    """`method` for BackPACK's."""
    register = method(family="backpack", package=PACKAGE, missing=missing, **claims)
    return lambda compute: register(_forgetting_handles(compute))


def _scaling_of_the_mean(N: int, C: int) -> int:
    """0 where the factor 2/(N·C) is a power of four, so that its root is exact; else as many roundings as for √2."""
    return 0 if log2(2 / (N * C)) % 2 == 0 else SCALING_ROUNDINGS


def beyond_batch_grad(problem: Problem) -> str | None:
    """Parameters that BatchGrad, which only warns of them, would leave out."""
    rules = ruled_types(BatchGrad)
    for path, module in problem.model.named_modules():
        if type(module) not in rules and any(p.requires_grad for p in module.parameters(recurse=False)):
            return f"BatchGrad has no rule for {path or 'the model'} ({type(module).__name__})"
        if reason := beyond_options(module):
            return f"BatchGrad does not cover {reason}, as {path or 'the model'}"
    return None


def beyond_second_order(problem: Problem) -> str | None:
    """What BackPACK's backpropagation of a matrix for each sample does not cover."""
    lacking = mse_loss_lacks(getattr(torch, problem.dtype), problem.X.device)
    if lacking:
        return lacking
    rules = ruled_types(SqrtGGNExact)
    leaves: list[tuple[str, torch.nn.Module]] | None
    if others := containers(problem.model):
        path, module = others[0]
        leaves = chain_of(problem.model)
        if leaves is None:
            return (
                f"SqrtGGNExact has no rule for {path or 'the model'} ({type(module).__name__}), and the model does not "
                "just call its layers one after the other"
            )
    else:
        leaves = [(path, module) for path, module in problem.model.named_modules() if not list(module.children())]
    # Modules before the first parameter are not backpropagated through, unless the input requires grad.
    reached = leaves
    if not problem.X.requires_grad:
        reached = list(dropwhile(lambda leaf: not any(p.requires_grad for p in leaf[1].parameters()), leaves))
    for path, module in reached:
        if type(module) not in rules:
            return f"SqrtGGNExact has no rule for {path or 'the model'} ({type(module).__name__})"
        if reason := beyond_second_order_options(module):
            return f"SqrtGGNExact does not cover {reason}, as {path or 'the model'}"
    layers = [module for _, module in leaves]
    if isinstance(layers[-1], torch.nn.Flatten) and layers[-1].start_dim == 0:
        return "output of shape [N]: second-order extensions need [N, C]"
    above = dropwhile(lambda module: not list(module.parameters()), layers)
    if problem.N == 0 and any(isinstance(module, torch.nn.Flatten) for module in above):
        return "second-order extensions cannot reshape through a Flatten for an empty batch"
    return None


def _beyond_the_mean(problem: Problem) -> str | None:
    return "the mean over an empty batch is not defined" if problem.N == 0 else beyond_second_order(problem)


def extended(model: torch.nn.Module) -> torch.nn.Module:
    """The model, extended as users do: as a whole or, where its class is their own, layer by layer."""
    return extend(model) if not containers(model) else _with_extended_layers(model)


def _with_extended_layers(model: torch.nn.Module) -> torch.nn.Module:
    """The model, each of whose layers is extended, and none of the modules that hold them."""
    for module in model.modules():
        if not list(module.children()):
            extend(module)
    return model


def _converted(problem: Problem) -> GraphModule:
    """What BackPACK's converter makes of a copy of the network; its parameters are those of the copy."""
    return convert_module_to_backpack(copy.deepcopy(problem.model), False)


def _beyond_the_converter(problem: Problem) -> str | None:
    """What the converter cannot turn into modules that SqrtGGNExact has a rule for; it traces, and nothing is run."""
    containers = [module for module in problem.model.modules() if list(module.children())]
    if containers and all(type(module) is torch.nn.Sequential for module in containers):
        return TooCostly("a Sequential is converted to itself: sqrt_ggn_sum is the same")
    if not containers and type(problem.model) in ruled_types(SqrtGGNExact):
        return TooCostly("a single layer is converted to itself: sqrt_ggn_sum is the same")
    if lacking := mse_loss_lacks(getattr(torch, problem.dtype), problem.X.device):
        return lacking
    try:
        converted = _converted(problem)
    except Exception as error:  # the converter raises what its parts do: NotImplementedError, KeyError, fx's own errors
        return cut(f"BackPACK's converter raises {type(error).__name__}: {text_of(error)}".split("\n")[0], 200)
    for node in _reached(converted, problem.X.requires_grad):
        if node.op in ("call_function", "call_method"):
            return f"BackPACK's converter has no module for {getattr(node.target, '__name__', node.target)}"
        if node.op != "call_module":
            continue
        for below, module in converted.get_submodule(str(node.target)).named_modules():
            path = ".".join(filter(None, (str(node.target), below)))
            if not list(module.children()) and type(module) not in ruled_types(SqrtGGNExact):
                return f"SqrtGGNExact has no rule for {path} ({type(module).__name__})"
            if reason := beyond_second_order_options(module):
                return f"SqrtGGNExact does not cover {reason}, as {path}"
    return None


def _reached(traced: GraphModule, is_input_reached: bool) -> list[Node]:
    """The nodes that the backward pass comes to: their values depend on a parameter, or on the input if that counts."""
    reached: dict[Node, None] = {}
    for node in traced.graph.nodes:
        match node.op:
            case "placeholder":
                is_own = is_input_reached
            case "get_attr":
                is_own = True
            case "call_module":
                is_own = any(p.requires_grad for p in traced.get_submodule(str(node.target)).parameters())
            case _:
                is_own = False
        if is_own or any(before in reached for before in node.all_input_nodes):
            reached[node] = None
    return list(reached)


def saved(name: str, parameter: torch.nn.Parameter, quantity: str, *sizes: int) -> torch.Tensor:
    """What an extension has saved in a parameter, or zeros `(*sizes, *θ.shape)` where no gradient reaches it.

    Raises NotCovered where a gradient reaches the parameter and the extension has saved nothing.
    """
    if hasattr(parameter, quantity):
        return getattr(parameter, quantity)
    if parameter.grad is not None:
        raise NotCovered(f"{name} has a gradient but no {quantity}: BackPACK has seen no module that uses it")
    return parameter.new_zeros(*sizes, *parameter.shape)


@backpack_method(leaves=(*LEFT, "grad_batch"), unsupported=beyond_batch_grad)
def batch_grad_loop(problem: Problem) -> Jacobians:
    """BatchGrad, one backward pass for each output."""
    return _output_by_output(extend(problem.model), problem)


@backpack_method(leaves=(*LEFT, "grad_batch"), unsupported=beyond_batch_grad, variant_of="batch_grad_loop")
def batch_grad_layers(problem: Problem) -> Jacobians:
    """The same where each layer is extended, and not the model: for models of a class of one's own."""
    return _output_by_output(_with_extended_layers(problem.model), problem)


def _output_by_output(extended: torch.nn.Module, problem: Problem) -> Jacobians:
    f = extended(problem.X).reshape(problem.N, problem.C)
    θ = problem.parameters
    J = {name: p.new_zeros(problem.N, problem.C, *p.shape) for name, p in θ.items()}
    for c in range(problem.C):
        more = c + 1 < problem.C
        with backpack(BatchGrad(), retain_graph=more):
            f[:, c].sum().backward(retain_graph=more)
        for name, p in θ.items():
            J[name][:, c] = saved(problem.told(name), p, "grad_batch", problem.N)
    return J


@backpack_method(leaves=(*LEFT, "grad_batch"), unsupported=beyond_batch_grad)
def batch_grad_repeated(problem: Problem) -> Jacobians:
    """BatchGrad on every sample repeated C times, one backward pass in all."""
    N, C = problem.N, problem.C
    f = extend(problem.model)(problem.X.repeat_interleave(C, dim=0)).reshape(N, C, C)
    with backpack(BatchGrad()):
        f.diagonal(dim1=1, dim2=2).sum().backward()
    θ = problem.parameters
    return {name: saved(problem.told(name), p, "grad_batch", N * C).reshape(N, C, *p.shape) for name, p in θ.items()}


@backpack_method(
    missing_ggn,
    leaves=(*LEFT, "sqrt_ggn_exact"),
    roundings=lambda N, C: SCALING_ROUNDINGS,
    unsupported=beyond_second_order,
)
def sqrt_ggn_sum(problem: Problem) -> Jacobians:
    """SqrtGGNExact through MSELoss(reduction="sum"), one backward pass, divided by √2."""
    return _of_half_the_hessian(extended(problem.model), problem)


@backpack_method(
    missing_ggn,
    leaves=(*LEFT, "sqrt_ggn_exact"),
    roundings=lambda N, C: SCALING_ROUNDINGS,
    unsupported=beyond_second_order,
    variant_of="sqrt_ggn_sum",
)
def sqrt_ggn_layers(problem: Problem) -> Jacobians:
    """The same where each layer is extended, and not the model: for models of a class of one's own."""
    return _of_half_the_hessian(_with_extended_layers(problem.model), problem)


def _of_half_the_hessian(model: torch.nn.Module, problem: Problem) -> Jacobians:
    f = model(problem.X).reshape(problem.N, problem.C)
    loss = extend(torch.nn.MSELoss(reduction="sum"))(f, torch.zeros_like(f))
    with backpack(SqrtGGNExact()):
        loss.backward()
    return {name: p.sqrt_ggn_exact.transpose(0, 1) / sqrt(2) for name, p in problem.parameters.items()}


@backpack_method(
    missing_ggn, leaves=(*LEFT, "sqrt_ggn_exact"), roundings=_scaling_of_the_mean, unsupported=_beyond_the_mean
)
def sqrt_ggn_mean(problem: Problem) -> Jacobians:
    """SqrtGGNExact through MSELoss(reduction="mean"), divided by √(2/NC); exact where that is a power of two."""
    f = extended(problem.model)(problem.X).reshape(problem.N, problem.C)
    loss = extend(torch.nn.MSELoss(reduction="mean"))(f, torch.zeros_like(f))
    with backpack(SqrtGGNExact()):
        loss.backward()
    scale = sqrt(2 / (problem.N * problem.C))
    return {name: p.sqrt_ggn_exact.transpose(0, 1) / scale for name, p in problem.parameters.items()}


def _beyond_loss(problem: Problem) -> str | None:
    if problem.dtype not in ("float64", "float32"):
        return TooCostly(
            f"in {problem.dtype} the roundings of a loss's root are of its own order: nothing could be said"
        )
    return beyond_second_order(problem)


def _beyond_bce(problem: Problem) -> str | None:
    if reason := _beyond_loss(problem):
        return reason
    if problem.C != 1:
        return f"BackPACK's BCEWithLogitsLoss takes one output, not {problem.C}"
    return None


@backpack_method(missing_ggn, leaves=(*LEFT, "sqrt_ggn_exact"), loss="bce", unsupported=_beyond_bce)
def sqrt_ggn_bce(problem: Problem) -> Jacobians:
    """SqrtGGNExact through BCEWithLogitsLoss(reduction="sum"), divided by √(p(1 − p))."""
    f = extended(problem.model)(problem.X).reshape(problem.N, 1)
    loss = extend(torch.nn.BCEWithLogitsLoss(reduction="sum"))(f, torch.zeros_like(f))
    with backpack(SqrtGGNExact()):
        loss.backward()
    root = 1 / (2 * torch.cosh(f.detach().double() / 2))
    θ = problem.parameters
    G = {name: p.sqrt_ggn_exact.transpose(0, 1).double() for name, p in θ.items()}
    return {name: (g / root.reshape(-1, *[1] * (g.dim() - 1))).to(θ[name].dtype) for name, g in G.items()}


@backpack_method(
    missing_ggn,
    leaves=(*LEFT, "sqrt_ggn_exact"),
    loss="cross_entropy",
    unsupported=_beyond_loss,
)
def sqrt_ggn_cross_entropy(problem: Problem) -> Jacobians:
    """SqrtGGNExact through CrossEntropyLoss(reduction="sum") of the outputs and a logit that is always 0.

    S = diag(√p) − p √pᵀ is singular, since all logits together may move; one that does not move makes J known. With
    G = S·J and o for that logit, J_v = G_v/√p_v − (1 − p_o)·G_o/√p_o + Σ √p_u·G_u: another p in S's second term than in
    the first would cancel from G_v/√p_v − G_o/√p_o alone.
    """
    N, C, θ = problem.N, problem.C, problem.parameters
    one_more = torch.nn.Linear(C, C + 1, bias=False, device="meta")
    some = next(iter(θ.values()))
    eye = torch.eye(C + 1, C, dtype=some.dtype, device=some.device)
    one_more.weight = torch.nn.Parameter(eye, requires_grad=False)
    f = extended(torch.nn.Sequential(problem.model, one_more))(problem.X)
    loss = extend(torch.nn.CrossEntropyLoss(reduction="sum"))(f, torch.zeros(N, dtype=torch.long, device=f.device))
    with backpack(SqrtGGNExact()):
        loss.backward()
    τ = f.detach().double().softmax(dim=1).sqrt()
    G = {name: p.sqrt_ggn_exact.transpose(0, 1).double() for name, p in θ.items()}
    J = {}
    for name, g in G.items():
        root = τ.reshape(N, C + 1, *[1] * (g.dim() - 2))
        real, moved = root[:, :C], (root[:, :C] ** 2).sum(1, keepdim=True)
        own, still = g[:, :C], g[:, C:] / root[:, C:]
        J[name] = (own / real - moved * still + (real * own).sum(1, keepdim=True)).to(θ[name].dtype)
    return J


@backpack_method(
    missing_ggn,
    roundings=lambda N, C: SCALING_ROUNDINGS,
    unsupported=_beyond_the_converter,
)
def sqrt_ggn_converted(problem: Problem) -> Jacobians:
    """SqrtGGNExact as sqrt_ggn_sum, on a copy that extend(…, use_converter=True) has turned into modules."""
    copied = copy.deepcopy(problem.model)
    θ = {name: p for name, p in copied.named_parameters() if p.requires_grad}
    f = extend(copied, use_converter=True)(problem.X).reshape(problem.N, problem.C)
    loss = extend(torch.nn.MSELoss(reduction="sum"))(f, torch.zeros_like(f))
    with backpack(SqrtGGNExact()):
        loss.backward()
    G = {name: saved(problem.told(name), p, "sqrt_ggn_exact", problem.C, problem.N) for name, p in θ.items()}
    return {name: g.transpose(0, 1) / sqrt(2) for name, g in G.items()}


def _beyond_batch_grad_of_loss(problem: Problem) -> str | None:
    if reason := has_shares(problem):
        return reason
    asked = inside(problem)
    return beyond_batch_grad(Problem(asked.model, asked.X, 1))


@backpack_method(
    leaves=(*LEFT, "grad_batch"),
    roundings=lambda N, C: CONVERSION_ROUNDINGS,
    returns="share",
    unsupported=_beyond_batch_grad_of_loss,
    only_of_losses=True,
)
def loss_batch_grad(problem: Problem) -> Jacobians:
    """BatchGrad after one backward pass from the loss, model and loss extended; of a mean it returns shares."""
    asked = inside(problem)
    loss = extend(asked.loss)(extend(asked.model)(asked.X), asked.targets)
    with backpack(BatchGrad()):
        loss.sum().backward()
    return in_rows(asked, {name: p.grad_batch for name, p in asked.parameters.items()})
