"""By estimate, a method that divides by the root of a loss's Hessian mixes the outputs, and their roundings."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

import jaccheck
from jaccheck.methods import find_method
from jaccheck.reports import Outcome


class Plain(nn.Module):
    """Layers one after the other, in a class of the user's own."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.a, self.relu, self.b = nn.Linear(5, 24), nn.ReLU(), nn.Linear(24, outputs)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.b(self.relu(self.a(X)))


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.full) for seed in (1, 2))])
@pytest.mark.parametrize(("name", "outputs"), [("sqrt_ggn_cross_entropy", 3), ("sqrt_ggn_bce", 1)])
def test_a_zero_of_another_class_may_come_out_as_a_rounding(name: str, outputs: int, seed: int) -> None:
    """The derivative of one output by the bias of another is zero, and what is divided is not; a factor is found."""
    torch.manual_seed(seed)
    model, X = Plain(outputs), torch.randn(4, 5)
    right = find_method(name)
    wrong = replace(right, name="wrong", compute=lambda p: {n: 1.001 * J for n, J in right.compute(p).items()})
    report = jaccheck.check(model, X, methods=[right, wrong])
    answer = report.answer(name)
    assert answer.outcome is Outcome.CONSISTENT, answer.message
    assert answer.in_float64 is Outcome.CONSISTENT, answer.message_in_float64
    assert report.answer("wrong").outcome is Outcome.DISAGREES
