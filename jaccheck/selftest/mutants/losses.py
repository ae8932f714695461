"""Mutants of per-sample gradients of a loss: factors of a reduction, weights, ignored targets, smoothing, targets."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch

from jaccheck.methods import Compute, Jacobians, LossCall, Problem, divisor, loss_call_of
from jaccheck.selftest.mutants.registry import mutant, stateful_mutant

agreement = frozenset({"agreement", "shares"})
"""By the reference, or since shares do not add up to the gradient of the reduced loss."""


def _where(holds: Callable[[LossCall], bool]) -> Callable[[Problem], bool]:
    """Triggered by problems of a loss of which this holds."""

    def is_met(problem: Problem) -> bool:
        call = loss_call_of(problem)
        return call is not None and problem.N > 0 and holds(call)

    return is_met


def _call(problem: Problem) -> LossCall:
    call = loss_call_of(problem)
    assert call is not None
    return call


def _times(J: Jacobians, factor: float) -> Jacobians:
    return {name: j * factor for name, j in J.items()}


@mutant(base="vmap_vjp", expected=agreement, when=_where(lambda call: divisor(call) not in (0.0, 1.0)))
def share_for_own(problem: Problem, J: Jacobians) -> Jacobians:
    """Of a mean it returns each sample's share, and declares its own gradient: the factor of the mean is forgotten."""
    return _times(J, 1 / divisor(_call(problem)))


@mutant(base="loss_batch_grad", expected=agreement, when=_where(lambda call: divisor(call) not in (0.0, 1.0)))
def own_for_share(problem: Problem, J: Jacobians) -> Jacobians:
    """Of a mean it returns each sample's own gradient, and declares its share."""
    return _times(J, divisor(_call(problem)))


@mutant(
    base="loss_batch_grad", expected=agreement, when=_where(lambda call: call.reduction == "mean" and len(call.X) > 1)
)
def divided_twice(problem: Problem, J: Jacobians) -> Jacobians:
    """Of a mean each share is divided by the number of samples once more: 1/N²."""
    return _times(J, 1 / problem.N)


@mutant(
    base="loss_batch_grad",
    expected=agreement,
    when=_where(lambda call: call.reduction == "mean" and divisor(call) not in (0.0, len(call.X))),
)
def mean_over_samples(problem: Problem, J: Jacobians) -> Jacobians:
    """A mean is taken for one over samples, where it divides by weights, by targets that count, or by all outputs."""
    return _times(J, divisor(_call(problem)) / problem.N)


def _changed(compute: Compute, change: Callable[[Any], None]) -> Compute:
    """The same method on a network whose loss is another one."""

    def mutated(problem: Problem) -> Jacobians:
        model = copy.copy(problem.model)
        model._buffers = dict(model._buffers)
        change(model)
        return compute(Problem(model, problem.X, problem.C))

    return mutated


@stateful_mutant(base="vmap_vjp", expected=agreement, when=_where(lambda call: _weight_of(call) is not None))
def weights_ignored(compute: Compute) -> Compute:
    """Class weights are left out."""

    def change(model: Any) -> None:
        model.loss_weight = None

    return _changed(compute, change)


def _weight_of(call: LossCall) -> object:
    return next(call.loss.buffers(), None)


def _has_ignored(call: LossCall) -> bool:
    index = getattr(call.loss, "ignore_index", None)
    return index is not None and not call.targets.is_floating_point() and bool((call.targets == index).any())


@stateful_mutant(base="vmap_vjp", expected=agreement, when=_where(_has_ignored))
def ignored_counted(compute: Compute) -> Compute:
    """Targets that are to be ignored count like others, −100 as class 0."""

    def change(model: Any) -> None:
        model.options = {**model.options, "ignore_index": -1}
        model.targets = model.targets.clamp(min=0)

    return _changed(compute, change)


@stateful_mutant(
    base="vmap_vjp", expected=agreement, when=_where(lambda call: getattr(call.loss, "label_smoothing", 0) > 0)
)
def smoothing_dropped(compute: Compute) -> Compute:
    """Label smoothing is left out."""

    def change(model: Any) -> None:
        model.options = {**model.options, "label_smoothing": 0.0}

    return _changed(compute, change)


@stateful_mutant(
    base="vmap_vjp", expected=agreement, when=_where(lambda call: bool((call.targets != call.targets[:1]).any()))
)
def targets_of_another_batch(compute: Compute) -> Compute:
    """Targets are those of the sample before, as if a loader had lost one."""

    def change(model: Any) -> None:
        model.targets = torch.roll(model.targets, 1, 0)

    return _changed(compute, change)
