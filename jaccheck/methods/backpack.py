"""BackPACK: BatchGrad and SqrtGGNExact. The only file that imports backpack."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache, wraps
from itertools import dropwhile
from math import log2, sqrt
from typing import Any

import torch
from torch.fx import GraphModule

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


@cache
def _mse_loss_lacks(dtype: torch.dtype, device: torch.device) -> str | None:
    """Why torch's own MSELoss has no gradient here: torch 2.2 has none for half precision on the CPU."""
    try:
        with torch.enable_grad():
            f = torch.zeros(1, 1, dtype=dtype, device=device, requires_grad=True)
            torch.nn.functional.mse_loss(f, torch.zeros_like(f)).backward()
    except RuntimeError as error:
        return f"torch {torch.__version__} has no MSELoss for it: {error}"
    return None


@cache
def _ruled(extension: Callable[[], Any]) -> frozenset[type]:
    """The types of modules that an extension has a rule for, from its own list."""
    return frozenset(vars(extension())["_BackpropExtension__module_extensions"])


def _beyond_options(module: torch.nn.Module) -> str | None:
    """What BackPACK itself refuses of a module that it has a rule for, by a clear exception in its backward pass."""
    match module:
        case torch.nn.Embedding(padding_idx=int()):
            return "an Embedding with padding_idx"
        case torch.nn.Embedding() if module.max_norm is not None or module.scale_grad_by_freq or module.sparse:
            return "an Embedding with max_norm, scale_grad_by_freq or sparse"
        case torch.nn.RNN() | torch.nn.LSTM() if reason := _beyond_recurrent_options(module):
            return reason
    return None


def _beyond_recurrent_options(module: torch.nn.RNNBase) -> str | None:
    if not module.bias or module.bidirectional or module.num_layers > 1 or not module.batch_first or module.proj_size:
        return f"{type(module).__name__} with several layers or directions, without bias, or with another axis first"
    if isinstance(module, torch.nn.RNN) and module.nonlinearity != "tanh":
        return f"RNN with nonlinearity={module.nonlinearity!r}"
    return None


def _beyond_second_order_options(module: torch.nn.Module) -> str | None:
    """The same of the second-order extensions."""
    match module:
        case (
            torch.nn.BatchNorm1d(affine=False) | torch.nn.BatchNorm2d(affine=False) | torch.nn.BatchNorm3d(affine=False)
        ):
            return "a BatchNorm with affine=False"
        case torch.nn.AvgPool1d() | torch.nn.AvgPool2d() | torch.nn.AvgPool3d() if not module.count_include_pad:
            return "an average pooling with count_include_pad=False"
    return _beyond_options(module)


def beyond_batch_grad(problem: Problem) -> str | None:
    """Parameters that BatchGrad, which only warns of them, would leave out."""
    ruled = _ruled(BatchGrad)
    for path, module in problem.model.named_modules():
        if type(module) not in ruled and any(p.requires_grad for p in module.parameters(recurse=False)):
            return f"BatchGrad has no rule for {path or 'the model'} ({type(module).__name__})"
        if reason := _beyond_options(module):
            return f"BatchGrad does not cover {reason}, as {path or 'the model'}"
    return None


def _beyond_second_order(problem: Problem) -> str | None:
    """What BackPACK's backpropagation of a matrix for each sample does not cover."""
    lacking = _mse_loss_lacks(getattr(torch, problem.dtype), problem.X.device)
    if lacking:
        return lacking
    ruled = _ruled(SqrtGGNExact)
    nested = [(path, module) for path, module in problem.model.named_modules() if list(module.children())]
    for path, module in nested:
        if type(module) is not torch.nn.Sequential:
            return f"SqrtGGNExact has no rule for {path or 'the model'} ({type(module).__name__})"
    # Modules before the first parameter are not backpropagated through, unless the input requires grad.
    leaves = [(path, module) for path, module in problem.model.named_modules() if not list(module.children())]
    reached = leaves
    if not problem.X.requires_grad:
        reached = list(dropwhile(lambda leaf: not any(p.requires_grad for p in leaf[1].parameters()), leaves))
    for path, module in reached:
        if type(module) not in ruled:
            return f"SqrtGGNExact has no rule for {path or 'the model'} ({type(module).__name__})"
        if reason := _beyond_second_order_options(module):
            return f"SqrtGGNExact does not cover {reason}, as {path or 'the model'}"
    layers = [module for _, module in leaves]
    if isinstance(layers[-1], torch.nn.Flatten) and layers[-1].start_dim == 0:
        return "output of shape [N]: second-order extensions need [N, C]"
    above = dropwhile(lambda module: not list(module.parameters()), layers)
    if problem.N == 0 and any(isinstance(module, torch.nn.Flatten) for module in above):
        return "second-order extensions cannot reshape through a Flatten for an empty batch"
    return None


def _beyond_the_mean(problem: Problem) -> str | None:
    return "the mean over an empty batch is not defined" if problem.N == 0 else _beyond_second_order(problem)


def _converted(problem: Problem) -> GraphModule:
    """What BackPACK's converter makes of a copy of the network; its parameters are those of the copy."""
    return convert_module_to_backpack(copy.deepcopy(problem.model), False)


def _beyond_the_converter(problem: Problem) -> str | None:
    """What the converter cannot turn into modules that SqrtGGNExact has a rule for; it traces, and nothing is run."""
    if all(type(module) is torch.nn.Sequential for module in problem.model.modules() if list(module.children())):
        return TooCostly("a Sequential is converted to itself: sqrt_ggn_sum is the same")
    if lacking := _mse_loss_lacks(getattr(torch, problem.dtype), problem.X.device):
        return lacking
    try:
        converted = _converted(problem)
    except Exception as error:  # the converter raises what its parts do: NotImplementedError, KeyError, fx's own errors
        return f"BackPACK's converter raises {type(error).__name__}: {error}".split("\n")[0][:200]
    nodes = [node for node in converted.graph.nodes if node.op in ("call_function", "call_method")]
    functions = [getattr(node.target, "__name__", node.target) for node in nodes]
    if functions:
        return f"BackPACK's converter has no module for {functions[0]}"
    for path, module in converted.named_modules():
        if not list(module.children()) and type(module) not in _ruled(SqrtGGNExact):
            return f"SqrtGGNExact has no rule for {path} ({type(module).__name__})"
        if reason := _beyond_second_order_options(module):
            return f"SqrtGGNExact does not cover {reason}, as {path}"
    return None


@backpack_method(leaves=(*LEFT, "grad_batch"), unsupported=beyond_batch_grad)
def batch_grad_loop(problem: Problem) -> Jacobians:
    """BatchGrad, one backward pass for each output."""
    f = extend(problem.model)(problem.X).reshape(problem.N, problem.C)
    θ = problem.parameters
    J = {name: p.new_zeros(problem.N, problem.C, *p.shape) for name, p in θ.items()}
    for c in range(problem.C):
        more = c + 1 < problem.C
        with backpack(BatchGrad(), retain_graph=more):
            f[:, c].sum().backward(retain_graph=more)
        for name, p in θ.items():
            J[name][:, c] = p.grad_batch
    return J


@backpack_method(leaves=(*LEFT, "grad_batch"), unsupported=beyond_batch_grad)
def batch_grad_repeated(problem: Problem) -> Jacobians:
    """BatchGrad on every sample repeated C times, one backward pass in all."""
    N, C = problem.N, problem.C
    f = extend(problem.model)(problem.X.repeat_interleave(C, dim=0)).reshape(N, C, C)
    with backpack(BatchGrad()):
        f.diagonal(dim1=1, dim2=2).sum().backward()
    return {name: p.grad_batch.reshape(N, C, *p.shape) for name, p in problem.parameters.items()}


@backpack_method(
    missing_ggn,
    leaves=(*LEFT, "sqrt_ggn_exact"),
    roundings=lambda N, C: SCALING_ROUNDINGS,
    unsupported=_beyond_second_order,
)
def sqrt_ggn_sum(problem: Problem) -> Jacobians:
    """SqrtGGNExact through MSELoss(reduction="sum"), one backward pass, divided by √2."""
    f = extend(problem.model)(problem.X).reshape(problem.N, problem.C)
    loss = extend(torch.nn.MSELoss(reduction="sum"))(f, torch.zeros_like(f))
    with backpack(SqrtGGNExact()):
        loss.backward()
    return {name: p.sqrt_ggn_exact.transpose(0, 1) / sqrt(2) for name, p in problem.parameters.items()}


@backpack_method(
    missing_ggn, leaves=(*LEFT, "sqrt_ggn_exact"), roundings=_scaling_of_the_mean, unsupported=_beyond_the_mean
)
def sqrt_ggn_mean(problem: Problem) -> Jacobians:
    """SqrtGGNExact through MSELoss(reduction="mean"), divided by √(2/NC); exact where that is a power of two."""
    f = extend(problem.model)(problem.X).reshape(problem.N, problem.C)
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
    return _beyond_second_order(problem)


def _beyond_bce(problem: Problem) -> str | None:
    if reason := _beyond_loss(problem):
        return reason
    if problem.C != 1:
        return f"BackPACK's BCEWithLogitsLoss takes one output, not {problem.C}"
    return None


@backpack_method(missing_ggn, leaves=(*LEFT, "sqrt_ggn_exact"), loss="bce", unsupported=_beyond_bce)
def sqrt_ggn_bce(problem: Problem) -> Jacobians:
    """SqrtGGNExact through BCEWithLogitsLoss(reduction="sum"), divided by √(p(1 − p))."""
    f = extend(problem.model)(problem.X).reshape(problem.N, 1)
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
    f = extend(torch.nn.Sequential(problem.model, one_more))(problem.X)
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
    return {name: p.sqrt_ggn_exact.transpose(0, 1) / sqrt(2) for name, p in θ.items()}
