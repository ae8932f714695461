"""SqrtGGN on models of a class of the user's own: as its users extend them, or refused for a true reason."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from jaccheck_support.hooks import expected_of, integers
from torch import Tensor, nn

from jaccheck.methods import Problem, find_method

BY_SUM = ("sqrt_ggn_sum", "sqrt_ggn_mean", "sqrt_ggn_cross_entropy")


class Wrapped(nn.Module):
    """Only calls a Sequential."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


class Named(nn.Module):
    """Layers in another order than they are called in."""

    def __init__(self) -> None:
        super().__init__()
        self.last, self.act, self.first = nn.Linear(3, 2), nn.Tanh(), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.act(self.first(x)))


class Flattening(Named):
    """Before the first layer there is a function, as in many a model of images."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(1) / 2)


class Skip(Named):
    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.act(self.first(x)) + x[:, :3])


class Functional(Named):
    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.tanh(self.first(x)))


class Twice(Named):
    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.act(self.act(self.first(x))))


class Deciding(Named):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) if x.sum() > 0 else super().forward(-x)


def _problem(make: Callable[[], nn.Module]) -> Problem:
    torch.manual_seed(0)
    return Problem(make().double(), integers(5, 4) / 2, 2)


@pytest.mark.parametrize("name", BY_SUM)
@pytest.mark.parametrize("make", [Wrapped, Named, Flattening, lambda: nn.Sequential(Named(), nn.Tanh())])
def test_layers_one_after_the_other_are_extended_one_by_one(make: Callable[[], nn.Module], name: str) -> None:
    """And the result is right."""
    problem = _problem(make)
    assert find_method(name).refuses(problem) is None
    expected = expected_of(problem)
    for key, jacobian in find_method(name).compute(problem).items():
        torch.testing.assert_close(jacobian, expected[key], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("make", [Skip, Functional, Twice, Deciding])
def test_what_is_not_just_layers_one_after_the_other_is_refused(make: Callable[[], nn.Module]) -> None:
    """BackPACK raises there, or cannot be expected to be right."""
    reason = find_method("sqrt_ggn_sum").refuses(_problem(make)) or ""
    assert f"no rule for the model ({make.__name__}), and the model does not just call its layers" in reason
