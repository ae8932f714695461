"""A user's loss as the end of a network that the oracle sees, where it is one of torch's with a bound."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from jaccheck.case import CaseLoss, Shape
from jaccheck.methods import LossCall
from jaccheck.oracle import Array, LossEnd, NoRule

BOUNDED = (nn.MSELoss, nn.NLLLoss, nn.CrossEntropyLoss, nn.BCEWithLogitsLoss)


def end_of(call: LossCall, shape: Shape) -> LossEnd:
    """The loss behind outputs of this shape for each sample. Raises NoRule for what has no bound."""
    loss, y = call.loss, call.targets
    name = f"the loss ({type(loss).__name__})"
    if type(loss) not in BOUNDED:
        raise NoRule(name)
    if "forward" in vars(loss) or any(kept for kind, kept in vars(loss).items() if kind.endswith("_hooks")):
        raise NoRule(f"{name} with hooks")
    if len(shape) != 1:
        raise NoRule(f"{name} of outputs {shape}")
    if isinstance(loss, nn.BCEWithLogitsLoss) and loss.weight is not None:
        raise NoRule(f"{name} with weight")
    weight = loss.pos_weight if isinstance(loss, nn.BCEWithLogitsLoss) else getattr(loss, "weight", None)
    if weight is not None and (weight.shape != shape or bool((weight < 0).any())):
        raise NoRule(f"{name} with weights that are negative or not one for each class")
    has_numbers = y.is_floating_point()
    if has_numbers and not isinstance(loss, nn.MSELoss) and bool(((y < 0) | (y > 1)).any()):
        raise NoRule(f"{name} with targets outside of 0 to 1")
    kept: dict[str, Any] = {"label_smoothing": getattr(loss, "label_smoothing", 0.0)}
    if isinstance(loss, nn.CrossEntropyLoss | nn.NLLLoss) and not has_numbers:
        # The index itself, whatever it is: a case knows of classes and of −100 alone.
        y = torch.where(y == loss.ignore_index, torch.full_like(y, -100), y)
    kind: Any = type(loss).__name__
    of_classes = isinstance(loss, nn.CrossEntropyLoss)
    described = CaseLoss(kind=kind, has_shares=of_classes and has_numbers, has_weights=weight is not None, **kept)
    return LossEnd(described, _numbers(y), None if weight is None else _numbers(weight))


def _numbers(tensor: Tensor) -> Array:
    found: Array = tensor.detach().to("cpu", torch.float64).numpy()
    return found
