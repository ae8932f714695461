"""`PerSampleLoss`: a model and a loss as a model with one output for each sample, that sample's own loss.

Its input are row numbers; what the rows are, inputs and targets, it holds itself. So the Jacobians `(N, 1, *θ.shape)`
are the per-sample gradients of the loss, and every method for Jacobians answers the question. Those that take a loss
itself ask `loss_call_of` what is inside.

A sample's *own* loss ℓ_n is the loss of that sample alone, added up over all that belongs to it (reduction "sum"); with
class weights it is w·ℓ, for an ignored target 0. Its *share* in the reduced loss is ℓ_n divided by `divisor`: 1 for
"sum" and "none"; for "mean" the number of all elements, or the weights of all targets that are not ignored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Literal, get_args

from torch import Tensor, nn

from jaccheck.errors import InvalidRequest
from jaccheck.methods.adapters import Adapter
from jaccheck.methods.own_losses import ELEMENTWISE, OF_CLASSES, OwnLosses, with_reduction
from jaccheck.methods.problem import Jacobians, Problem

Returns = Literal["own", "share"]
"""Each sample's own gradient, or its share in the gradient of the reduced loss."""


def check_returns(returns: object) -> None:
    """Raises InvalidRequest for what is neither: it would be taken for "own", and every number be off by a factor."""
    if returns not in get_args(Returns):
        raise InvalidRequest(f"returns={returns!r:.200}: expected 'own' or 'share'")


CONVERSION_ROUNDINGS = 4
"""Of 1/divisor, of the sum that the divisor is, of the product with it and of the one that takes it out again."""


class PerSampleLoss(OwnLosses, Adapter):
    """The loss of each sample of a problem as a model whose input are row numbers, of `problem.X` and `targets`."""

    def __init__(self, problem: Problem, targets: Tensor, loss: nn.Module, reduction: str) -> None:
        super().__init__(problem.model)
        self.words = "a loss"
        self.loss, self.reduction = loss, reduction
        self.register_buffer("inputs", problem.X.detach(), persistent=False)
        self.register_buffer("targets", targets.detach(), persistent=False)

    def inner_input(self, X: Tensor) -> Tensor:
        """The inputs in these rows."""
        return self.inputs[X]

    def forward(self, rows: Tensor) -> Tensor:
        """Each row's own loss, `(rows, 1)`."""
        return self.losses(self.model(self.inputs[rows]), rows)


@dataclass(slots=True)
class LossCall:
    """What a method that takes the loss itself is given: a model, a batch, its targets and the loss with its reduction.

    `parameters` are the trainable ones by the model's own names; `outside` is what stands before these in the problem.
    """

    model: nn.Module
    X: Tensor
    targets: Tensor
    loss: Any
    reduction: str
    parameters: dict[str, nn.Parameter]
    outside: str

    @property
    def sums(self) -> Any:
        """The loss with reduction "sum"."""
        return with_reduction(self.loss, "sum")

    def reduced(self, f: Tensor) -> Tensor:
        """The loss of the whole batch as the user has it, one number; added up where it is not reduced."""
        found: Tensor = self.loss(f, self.targets)
        return found.sum()


def loss_call_of(problem: Problem) -> LossCall | None:
    """What stands inside a problem whose outputs are losses; None for any other problem."""
    model: Any = problem.model
    if not isinstance(model, OwnLosses):
        return None
    rows = problem.X
    is_around = isinstance(model, PerSampleLoss)
    inside, outside = (model.model, "model.") if is_around else (nn.Sequential(*model.children()), "")
    parameters = {name.removeprefix(outside): p for name, p in problem.parameters.items()}
    return LossCall(inside, model.inputs[rows], model.targets[rows], model.loss, model.reduction, parameters, outside)


def divisor(asked: LossCall) -> float:
    """The number that the reduced loss of this batch divides each sample's own loss by; 0 for the mean of nothing."""
    if asked.reduction != "mean":
        return 1.0
    loss, y = asked.loss, asked.targets
    if type(loss) in ELEMENTWISE:
        return float(len(y) if loss.reduction == "batchmean" else y.numel())
    if type(loss) not in OF_CLASSES:
        return float(len(y))
    if y.is_floating_point():
        return y.numel() / y.shape[1]
    counted = y[y != loss.ignore_index]
    return float(counted.numel() if loss.weight is None else loss.weight.double()[counted].sum())


def divisor_of(problem: Problem) -> float:
    """The same of a problem; 1 where its outputs are no losses."""
    call = loss_call_of(problem)
    return 1.0 if call is None else divisor(call)


def loss_of(problem: Problem) -> str:
    """The loss whose per-sample gradients are asked for, in words; empty where none is."""
    call = loss_call_of(problem)
    if call is None:
        return ""
    options = [
        "class weights" if isinstance(getattr(call.loss, "weight", None), Tensor) else "",
        f"label_smoothing={call.loss.label_smoothing:g}" if getattr(call.loss, "label_smoothing", 0) else "",
        {"sum": "sum", "none": "not reduced"}.get(call.reduction, f"mean, which divides by {divisor(call):g}"),
    ]
    return f"{type(call.loss).__name__}, {', '.join(option for option in options if option)}"


def own_from_share(compute: Callable[..., Jacobians]) -> Callable[..., Jacobians]:
    """A method that returns shares, as one that returns each sample's own gradients."""

    @wraps(compute)
    def call(problem: Problem) -> Jacobians:
        found, by = compute(problem), divisor_of(problem)
        if by == 1.0 or not isinstance(found, dict):
            return found
        return {name: gradient * by if isinstance(gradient, Tensor) else gradient for name, gradient in found.items()}

    return call
