"""Losses as people have them, each with its targets; the per-sample gradients by a loop of this file's own."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

WEIGHTS = torch.tensor([0.5, 2.0, 1.25])
CLASSES = torch.tensor([0, 1, 2, 2, 1, 0])
SHARES = torch.tensor([[0.2, 0.3, 0.5], [1, 0, 0], [0.1, 0.1, 0.8], [0.4, 0.6, 0], [0.25, 0.5, 0.25], [0, 0, 1]])
BITS = torch.tensor([[1.0, 0, 0], [1, 1, 0], [0, 0, 0], [1, 1, 1], [0, 1, 0], [0, 0, 1]])


def network() -> nn.Sequential:
    """A perceptron of 4 inputs and 3 outputs."""
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).eval()


def batch() -> Tensor:
    """Six samples."""
    return torch.randn(6, 4, generator=torch.Generator().manual_seed(1))


@dataclass(frozen=True)
class Lossy:
    """A loss, its targets, what it is for one sample by `torch.nn.functional`, and what its mean divides by."""

    loss: nn.Module
    y: Tensor
    alone: Callable[[Tensor, Tensor], Tensor]
    divisor: float
    model: Callable[[], nn.Module] = network


def _with_log_softmax() -> nn.Module:
    return network().append(nn.LogSoftmax(dim=1))


def _with_sigmoid() -> nn.Module:
    return network().append(nn.Sigmoid())


def _w(f: Tensor) -> Tensor:
    return WEIGHTS.to(f)


MEANS: dict[str, Lossy] = {
    "cross entropy": Lossy(
        nn.CrossEntropyLoss(), CLASSES, lambda f, y: functional.cross_entropy(f, y, reduction="sum"), 6
    ),
    "class weights": Lossy(
        nn.CrossEntropyLoss(weight=WEIGHTS),
        CLASSES,
        lambda f, y: -_w(f)[y[0]] * f.log_softmax(1)[0, y[0]],
        0.5 + 2 + 1.25 + 1.25 + 2 + 0.5,
    ),
    "ignored": Lossy(
        nn.CrossEntropyLoss(ignore_index=1),
        CLASSES,
        lambda f, y: 0 * f.sum() if y[0] == 1 else -f.log_softmax(1)[0, y[0]],
        4,
    ),
    "ignored by -100, with weights": Lossy(
        nn.CrossEntropyLoss(weight=WEIGHTS),
        torch.tensor([0, -100, 2, 2, -100, 0]),
        lambda f, y: 0 * f.sum() if y[0] < 0 else -_w(f)[y[0]] * f.log_softmax(1)[0, y[0]],
        0.5 + 1.25 + 1.25 + 0.5,
    ),
    "label smoothing": Lossy(
        nn.CrossEntropyLoss(label_smoothing=0.3),
        CLASSES,
        lambda f, y: -(0.7 * f.log_softmax(1)[0, y[0]] + 0.1 * f.log_softmax(1).sum()),
        6,
    ),
    "shares of classes": Lossy(nn.CrossEntropyLoss(), SHARES, lambda f, y: -(y * f.log_softmax(1)).sum(), 6),
    "nll": Lossy(
        nn.NLLLoss(weight=WEIGHTS), CLASSES, lambda f, y: -_w(f)[y[0]] * f[0, y[0]], 7.5, model=_with_log_softmax
    ),
    "mse": Lossy(nn.MSELoss(), SHARES, lambda f, y: ((f - y) ** 2).sum(), 18),
    "bce": Lossy(
        nn.BCELoss(), BITS, lambda f, y: -(y * f.log() + (1 - y) * (1 - f).log()).sum(), 18, model=_with_sigmoid
    ),
    "bce with logits": Lossy(
        nn.BCEWithLogitsLoss(pos_weight=WEIGHTS),
        BITS,
        lambda f, y: -(_w(f) * y * f.sigmoid().log() + (1 - y) * (1 - f.sigmoid()).log()).sum(),
        18,
    ),
    "kl": Lossy(
        nn.KLDivLoss(),
        SHARES,
        lambda f, y: (torch.special.xlogy(y, y) - y * f).sum(),
        18,
        model=_with_log_softmax,
    ),
}


def with_reduction(loss: nn.Module, reduction: str) -> nn.Module:
    """A loss of its own with this reduction."""
    other = copy.deepcopy(loss)
    other.reduction = reduction
    return other


def own_gradients(case: Lossy, model: nn.Module, X: Tensor) -> dict[str, Tensor]:
    """Each sample's own gradients `(N, *θ.shape)` in float64, by name, one sample at a time."""
    model = copy.deepcopy(model).double()
    θ = dict(model.named_parameters())
    rows: dict[str, list[Tensor]] = {name: [] for name in θ}
    for n in range(len(X)):
        y = case.y[n : n + 1]
        loss = case.alone(model(X[n : n + 1].double()), y.double() if y.is_floating_point() else y)
        for name, gradient in zip(θ, torch.autograd.grad(loss, list(θ.values())), strict=True):
            rows[name].append(gradient)
    return {name: torch.stack(each) for name, each in rows.items()}


def reduced_gradients(loss: nn.Module, y: Tensor, model: nn.Module, X: Tensor) -> dict[str, Tensor]:
    """The gradient of the loss of the whole batch as torch reduces it, in float64, by name."""
    model, loss = copy.deepcopy(model).double(), copy.deepcopy(loss).double()
    θ = dict(model.named_parameters())
    value = loss(model(X.double()), y.double() if y.is_floating_point() else y)
    return dict(zip(θ, torch.autograd.grad(value, list(θ.values())), strict=True))
