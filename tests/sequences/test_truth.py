"""The numbers that results are compared with, against autograd on a network that BackPACK never saw."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from jaccheck.oracle import Array
from jaccheck.sequences.networks import BATCH_SIZES
from jaccheck.sequences.shape import Shape
from jaccheck.sequences.truth import BY_EXTENSION, QUANTITIES, Truth, smallest_part

SHAPES = [
    Shape(widths=(2, 1), between=()),
    Shape(widths=(3, 2, 4), between=("ReLU",)),
    Shape(widths=(1, 3, 3, 2), between=("LeakyReLU", "Flatten"), bias=False),
]


def live(shape: Shape, values: dict[str, Array]) -> nn.Sequential:
    """The network, from the same lines as in a script."""
    names = {"torch": torch, "nn": nn}
    exec("\n".join(shape.source("model", values, "float64")), names)
    model = names["model"]
    assert isinstance(model, nn.Sequential)
    return model


def by_autograd(model: nn.Sequential, X: torch.Tensor, y: torch.Tensor, name: str, field: str) -> torch.Tensor:
    """The quantity as its definition says, one sample and one output at a time."""
    N, C = y.shape
    p = model.get_parameter(name)
    of_loss, of_output = [], []
    for n in range(N):
        f = model(X[n : n + 1])[0]
        of_loss.append(torch.autograd.grad(((f - y[n]) ** 2).sum() / (N * C), p)[0])
        of_output.append(torch.stack([torch.autograd.grad(model(X[n : n + 1])[0, c], p)[0] for c in range(C)]))
    g, J = torch.stack(of_loss), torch.stack(of_output)
    axes = list(range(1, g.dim()))
    return {
        "grad_batch": g,
        "batch_l2": (g**2).sum(axes),
        "sum_grad_squared": (g**2).sum(0),
        "variance": (g**2).mean(0) - g.mean(0) ** 2,
        "sqrt_ggn_exact": J.transpose(0, 1) * (2 / (N * C)) ** 0.5,
        "diag_ggn_exact": (2 / (N * C)) * (J**2).sum((0, 1)),
        "diag_ggn_exact_batch": (2 / (N * C)) * (J**2).sum(1),
        "diag_h": (2 / (N * C)) * (J**2).sum((0, 1)),
        "diag_h_batch": (2 / (N * C)) * (J**2).sum(1),
    }[field]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("large", [0, 1])
def test_every_quantity_is_its_definition(shape: Shape, large: int) -> None:
    """Gradient and results of all extensions equal what autograd says, sample by sample and output by output."""
    values, X = shape.numbers(5), shape.batch(BATCH_SIZES[shape.C][large], 6)
    y = np.arange(len(X) * shape.C, dtype=float).reshape(len(X), shape.C) % 3
    truth = Truth(shape, values, X, "float64", y=y)
    model, inputs, targets = live(shape, values), torch.tensor(X), torch.tensor(y)
    assert np.array_equal(truth.f, model(inputs).detach().numpy())
    for name in values:
        gradient = truth.gradient(name)
        assert gradient is not None
        whole = torch.autograd.grad(((model(inputs) - targets) ** 2).mean(), model.get_parameter(name))[0]
        assert np.array_equal(gradient, whole.numpy())
        for quantity in QUANTITIES:
            result = truth.result(name, quantity)
            assert result is not None
            expected = by_autograd(model, inputs, targets, name, quantity.savefield).numpy()
            # The definition's own factor 2/(N·C) under a root is exact only as a power of four.
            assert np.array_equal(result, expected), (name, quantity)


def test_what_could_be_rounded_is_not_compared() -> None:
    """Numbers with too many bits for the dtype have no expected value, so nothing can be called wrong."""
    shape = Shape(widths=(2, 2, 1), between=("ReLU",))
    values = {name: np.abs(value) + 1 for name, value in shape.numbers(0).items()}
    X = np.array([[2.0**5 + 1, 3.0], [5.0, 2.0**5 - 1]])
    y = np.zeros((2, 1))
    wide, narrow = (Truth(shape, values, X, dtype, y=y) for dtype in ("float64", "float32"))
    assert wide.result("0.weight", BY_EXTENSION["SumGradSquared"]) is not None
    assert narrow.result("0.weight", BY_EXTENSION["SumGradSquared"]) is None
    assert narrow.result("0.weight", BY_EXTENSION["SqrtGGNExact"]) is not None


def test_smallest_part_divides_all() -> None:
    """It is the largest power of two that every number is a multiple of."""
    assert smallest_part(np.array([6.0, 4.0, 0.0])) == 2.0
    assert smallest_part(np.array([0.75, 2.0])) == 0.25
    assert smallest_part(np.zeros(3)) == 1.0
