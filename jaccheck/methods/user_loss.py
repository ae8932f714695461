"""A user's own loss and targets beside a model and a batch: the problem of the per-sample gradients."""

from __future__ import annotations

import functools
from collections.abc import Callable
from math import isnan
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from jaccheck.core import text_of
from jaccheck.errors import InvalidModel
from jaccheck.methods.losses import LossCall, PerSampleLoss, divisor, loss_call_of
from jaccheck.methods.own_losses import ELEMENTWISE, OF_CLASSES
from jaccheck.methods.problem import Problem
from jaccheck.methods.sample_wise import check_samples
from jaccheck.methods.user_model import copy_of

NAMED: dict[str, type[nn.Module]] = {
    "cross_entropy": nn.CrossEntropyLoss,
    "mse": nn.MSELoss,
    "bce": nn.BCELoss,
    "bce_with_logits": nn.BCEWithLogitsLoss,
    "nll": nn.NLLLoss,
}
"""Losses by the names that the command takes."""

FUNCTIONS: dict[Callable[..., Any], type[nn.Module]] = {
    functional.cross_entropy: nn.CrossEntropyLoss,
    functional.mse_loss: nn.MSELoss,
    functional.l1_loss: nn.L1Loss,
    functional.smooth_l1_loss: nn.SmoothL1Loss,
    functional.huber_loss: nn.HuberLoss,
    functional.binary_cross_entropy: nn.BCELoss,
    functional.binary_cross_entropy_with_logits: nn.BCEWithLogitsLoss,
    functional.nll_loss: nn.NLLLoss,
    functional.kl_div: nn.KLDivLoss,
    functional.poisson_nll_loss: nn.PoissonNLLLoss,
    functional.soft_margin_loss: nn.SoftMarginLoss,
    functional.hinge_embedding_loss: nn.HingeEmbeddingLoss,
}
"""Losses that are given as functions of torch."""

SAME = 2.0**-20
"""Of the sum of all losses, in float64; in a coarser dtype 256 times its roundoff."""


class _Called(nn.Module):
    """A loss that is given as a function; a class of that function's name is made for each."""

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, f: Tensor, y: Tensor) -> Tensor:
        """What the function says."""
        return self.function(f, y)


def named_loss(name: str, reduction: str) -> nn.Module:
    """The loss of torch of that name in `NAMED`, with this reduction."""
    return NAMED[name](reduction=reduction)


def loss_problem(problem: Problem, targets: Tensor | None, loss: nn.Module | Callable[..., Tensor] | None) -> Problem:
    """The problem whose Jacobians `(N, 1, *θ.shape)` are the per-sample gradients of `loss(model(X), targets)`.

    A loss of torch is taken with reduction "sum" for each sample; one of the user's own as it is, for one sample alone.
    Both are run on a copy: whether the loss of the batch is the sum or the mean of those of its samples. Raises
    InvalidModel where it is neither, for targets that do not fit, and for a loss that cannot be taken apart.
    """
    if targets is None or loss is None:
        missing, given = ("targets", "a loss is given") if targets is None else ("loss", "targets are given")
        raise InvalidModel(f"{given} but no {missing}: per-sample gradients of a loss need both")
    own = _as_module(loss)
    _check_targets(problem, targets)
    f = _outputs(problem)
    _check_loss(own, f, targets)
    reduction = str(own.reduction).replace("batchmean", "mean") if type(own) in (*ELEMENTWISE, *OF_CLASSES) else "none"
    rows = torch.arange(problem.N, device=problem.X.device)
    asked = Problem(PerSampleLoss(problem, targets, own, reduction), rows, 1, problem.notes)
    _run(asked)
    check_samples(asked)
    assert isinstance(asked.model, PerSampleLoss)
    asked.model.reduction = _measured(asked)
    return asked


def _as_module(loss: object) -> Any:
    if isinstance(loss, type) and issubclass(loss, nn.Module):
        raise InvalidModel(f"loss is the class {loss.__name__}, expected an object: {loss.__name__}()")
    if isinstance(loss, nn.Module):
        if any(True for _ in loss.parameters()):
            raise InvalidModel(f"the loss ({type(loss).__name__}) has parameters: make them part of the model")
        return loss
    if isinstance(loss, functools.partial) and not loss.args and loss.func in FUNCTIONS:
        return FUNCTIONS[loss.func](**loss.keywords)
    if not callable(loss):
        raise InvalidModel(f"loss is {type(loss).__name__}, expected a module such as torch.nn.CrossEntropyLoss()")
    if loss in FUNCTIONS:
        return FUNCTIONS[loss]()
    name = getattr(loss, "__name__", type(loss).__name__).replace("<lambda>", "lambda")
    return type(name, (_Called,), {})(loss)


def _check_targets(problem: Problem, y: object) -> None:
    if not isinstance(y, Tensor) or y.dim() == 0:
        found = f"a tensor of shape {tuple(y.shape)}" if isinstance(y, Tensor) else type(y).__name__
        raise InvalidModel(f"targets is {found}, expected a tensor [N, ...], one row for each sample")
    if len(y) != problem.N:
        raise InvalidModel(f"targets has {len(y)} rows, expected one for each of the {problem.N} samples")
    if y.device != problem.X.device:
        raise InvalidModel(f"targets is on {y.device}, expected {problem.X.device}, as the model and X")
    if not bool(torch.isfinite(y.detach()).all()):
        raise InvalidModel("targets holds NaN or infinite numbers: nothing could be compared")


def _outputs(problem: Problem) -> Tensor:
    with torch.no_grad():
        copied = copy_of(problem)
        f: Tensor = copied.model(copied.X)
    return f


def _check_loss(loss: Any, f: Tensor, y: Tensor) -> None:
    """What torch would take without a word, and what it cannot compute."""
    name = type(loss).__name__
    if type(loss) in ELEMENTWISE and y.shape != f.shape:
        hint = f", as in targets.reshape{tuple(f.shape)}" if y.numel() == f.numel() else ""
        raise InvalidModel(
            f"targets of shape {tuple(y.shape)} for outputs of shape {tuple(f.shape)}: {name} would broadcast them, "
            f"expected the same shape{hint}"
        )
    if type(loss) in OF_CLASSES and f.dim() < 2:
        raise InvalidModel(f"{name} needs outputs [N, classes, ...], the model's have shape {tuple(f.shape)}")
    of_each = [n for n, w in loss.named_buffers() if type(loss) in ELEMENTWISE and w.dim() >= f.dim() and len(w) > 1]
    if of_each:
        raise InvalidModel(f"the loss's {of_each[0]} holds a row for each sample; expected one that all samples share")
    try:
        found = loss(f, y)
    except Exception as error:
        raise InvalidModel(
            f"the loss ({name}) does not run on outputs of shape {tuple(f.shape)} and targets of shape "
            f"{tuple(y.shape)}, {str(y.dtype).removeprefix('torch.')}: {_reason(error)}"
        ) from error
    if not isinstance(found, Tensor) or not found.is_floating_point():
        raise InvalidModel(f"the loss ({name}) returns {type(found).__name__}, expected a real tensor")


def _run(asked: Problem) -> None:
    """Whether the loss has a derivative by the outputs."""
    copied = copy_of(asked)
    try:
        if not copied.model(copied.X).requires_grad:
            raise InvalidModel("the loss has no derivative by the model's parameters")
    except InvalidModel:
        raise
    except Exception as error:
        raise InvalidModel(f"the loss does not run on one sample after another: {_reason(error)}") from error


def _measured(asked: Problem) -> str:
    """The reduction by which the losses of samples give the loss of the batch."""
    try:
        own, inside = _evaluated(asked, torch.float64)
    except (RuntimeError, TypeError, ValueError, NotImplementedError):
        own, inside = _evaluated(asked, None)
    with torch.no_grad():
        whole = inside.loss(inside.model(inside.X), inside.targets)
    limit = max(SAME, 256 * torch.finfo(whole.dtype).eps) * float(own.abs().sum())
    total, found = float(own.sum()), float(whole.double().sum())
    is_known = type(inside.loss) in (*ELEMENTWISE, *OF_CLASSES)
    if not is_known and not whole.dim() and isnan(found):
        raise InvalidModel(
            f"the loss ({type(inside.loss).__name__}) of the batch is NaN, so that nobody can tell whether it is the "
            "sum of the losses of its samples or their mean"
        )
    for reduction in ("none",) if whole.dim() else (inside.reduction,) if is_known else ("sum", "mean"):
        inside.reduction = reduction
        # A mean of nothing is NaN, as torch says too.
        if not abs(found * divisor(inside) - total) > limit:
            return reduction
    raise InvalidModel(
        f"the loss ({type(inside.loss).__name__}) of the batch, {found:.7g}, is neither the sum of the losses of its "
        f"samples alone, {total:.7g}, nor their mean: it mixes samples, so there are no per-sample gradients of it"
    )


def _evaluated(asked: Problem, dtype: torch.dtype | None) -> tuple[Tensor, LossCall]:
    """Each sample's own loss, and what stands inside a copy; in this dtype where one is given."""
    copied = copy_of(asked)
    problem = Problem(copied.model.to(dtype) if dtype else copied.model, copied.X, 1)
    inside = loss_call_of(problem)
    assert inside is not None
    with torch.no_grad():
        return problem.model(problem.X).double(), inside


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {text_of(error)}".split("\n")[0]
