"""The derivative of a loss by the outputs, and its bound, beside what torch computes in each dtype."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from jaccheck.case import CaseLoss
from jaccheck.oracle import arithmetic
from jaccheck.oracle.loss_ends import LossEnd

N, K = 64, 4
DTYPES = ("float64", "float32", "bfloat16", "float16")
LOSSES = [
    CaseLoss(),
    CaseLoss(kind="NLLLoss", has_weights=True, is_ignored=True),
    CaseLoss(kind="CrossEntropyLoss"),
    CaseLoss(kind="CrossEntropyLoss", has_weights=True, is_ignored=True, ignore_index=1, label_smoothing=0.1),
    CaseLoss(kind="CrossEntropyLoss", has_weights=True, has_shares=True, label_smoothing=0.3),
    CaseLoss(kind="BCEWithLogitsLoss", has_weights=True),
]


def value(loss: CaseLoss, f: Tensor, y: Tensor, w: Tensor | None) -> Tensor:
    """The sum of all losses, by torch's functions."""
    options: dict[str, Any] = {"weight": w, "ignore_index": loss.ignore_index, "reduction": "sum"}
    match loss.kind:
        case "MSELoss":
            return functional.mse_loss(f, y, reduction="sum")
        case "NLLLoss":
            return functional.nll_loss(f, y, **options)
        case "CrossEntropyLoss":
            return functional.cross_entropy(f, y, label_smoothing=loss.label_smoothing, **options)
        case "BCEWithLogitsLoss":
            return functional.binary_cross_entropy_with_logits(f, y, pos_weight=w, reduction="sum")


def drawn(loss: CaseLoss, dtype: str, size: float) -> tuple[Tensor, Tensor, Tensor | None]:
    """Outputs of that size, targets and weights, as rounded to the dtype."""
    generator = torch.Generator().manual_seed(1)
    kind = getattr(torch, dtype)
    f = (size * torch.randn(N, K, generator=generator, dtype=torch.float64)).to(kind)
    if not loss.has_numbers:
        y = torch.randint(0, K, (N,), generator=generator)
        y[::3] = loss.ignore_index if loss.is_ignored else 0
    elif loss.has_classes:
        y = torch.rand(N, K, generator=generator, dtype=torch.float64).softmax(1).to(kind)
    else:
        y = torch.randint(0, 2, (N, K), generator=generator).to(kind)
    w = (0.25 + torch.rand(K, generator=generator, dtype=torch.float64)).to(kind) if loss.has_weights else None
    return f, y, w


def end_of(loss: CaseLoss, y: Tensor, w: Tensor | None) -> LossEnd:
    """The same for the oracle."""
    return LossEnd(loss, y.double().numpy(), None if w is None else w.double().numpy())


def by_torch(loss: CaseLoss, f: Tensor, y: Tensor, w: Tensor | None) -> np.ndarray:
    """Autograd's derivative in the dtype of f."""
    f = f.detach().requires_grad_()
    found: np.ndarray = torch.autograd.grad(value(loss, f, y, w), f)[0].double().numpy()
    return found


def doubled(loss: CaseLoss, f: Tensor, y: Tensor, w: Tensor | None) -> np.ndarray:
    """The truth: autograd's derivative in float64."""
    return by_torch(loss, f.double(), y.double() if y.is_floating_point() else y, None if w is None else w.double())


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [0.01, 1.0, 12.0])
def test_torch_is_within_the_bound_and_the_bound_is_of_use(loss: CaseLoss, dtype: str, size: float) -> None:
    """Rounding alone: in no dtype is torch's derivative further off than proven; nor is the bound of no use."""
    f, y, w = drawn(loss, dtype, size)
    zero = np.zeros((N, K))
    δ, m, E = end_of(loss, y, w).derivative(f.double().numpy(), zero, arithmetic(dtype))
    assert np.abs(δ - doubled(loss, f, y, w)).max() <= 1e-12 * (1 + np.abs(δ).max())
    assert (np.abs(by_torch(loss, f, y, w) - δ) <= E).all()
    roundoff = float(torch.finfo(getattr(torch, dtype)).eps)
    if size < 12 or dtype in ("float64", "float32"):
        assert (1000 * roundoff * (1 + size) * (m + 1) >= E).all()


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize("size", [0.5, 8.0])
@pytest.mark.parametrize("off", [1e-6, 1e-2, 1.0])
def test_outputs_that_are_off_are_within_the_bound(loss: CaseLoss, size: float, off: float) -> None:
    """Moved by up to E: everywhere in the interval, its ends among them, the derivative is within its bound."""
    f, y, w = drawn(loss, "float64", size)
    end = end_of(loss, y, w)
    radius = np.full((N, K), off)
    δ, _, E = end.derivative(f.numpy(), radius, arithmetic("float64"))
    generator = torch.Generator().manual_seed(2)
    for _ in range(20):
        sides = torch.randint(-1, 2, (N, K), generator=generator).double()
        assert (np.abs(doubled(loss, f + off * sides, y, w) - δ) <= E).all()


@pytest.mark.parametrize("loss", LOSSES[2:], ids=repr)
def test_the_bound_is_needed(loss: CaseLoss) -> None:
    """A hundredth of it is broken: it is a bound and no wall of cotton wool."""
    f, y, w = drawn(loss, "float32", 1.0)
    δ, _, E = end_of(loss, y, w).derivative(f.double().numpy(), np.zeros((N, K)), arithmetic("float32"))
    assert (np.abs(by_torch(loss, f, y, w) - δ) > E / 200).any()
