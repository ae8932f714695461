"""Trainable tensors that are no parameters of a model are told, where the output depends on them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import jaccheck
from jaccheck.errors import InvalidModel

METHODS = ("autograd_loop", "vmap_vjp", "hooks")
GLOBAL = torch.ones(2, requires_grad=True)


class Listed(nn.Module):
    """Layers in a plain list, the first of them frozen."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = [nn.Linear(3, 4).requires_grad_(False), nn.Linear(4, 4)]
        self.head = nn.Linear(4, 2)

    def forward(self, X: Tensor) -> Tensor:
        for layer in self.layers:
            X = torch.tanh(layer(X))
        return self.head(X)


class Global(nn.Linear):
    def forward(self, X: Tensor) -> Tensor:
        return super().forward(X) * GLOBAL


class Buffered(nn.Linear):
    def __init__(self) -> None:
        super().__init__(3, 2)
        self.register_buffer("scale", torch.ones(2, requires_grad=True))

    def forward(self, X: Tensor) -> Tensor:
        return super().forward(X) * self.scale


class Slope(nn.Module):
    """Differentiates by an input of its own, which it keeps."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
        self.unused = torch.ones(2, requires_grad=True)

    def forward(self, X: Tensor) -> Tensor:
        self.x = X.detach().requires_grad_()
        return torch.autograd.grad(self.net(self.x).sum(), self.x, create_graph=True)[0] * self.x


class Scaled(nn.Linear):
    def forward(self, x: Tensor, scale: Tensor) -> Tensor:
        return super().forward(x) * scale


def notes(model: nn.Module, X: Tensor | dict[str, Tensor]) -> str:
    """What is told of tensors that are no parameters."""
    return "\n".join(each for each in jaccheck.check(model, X, methods=METHODS).notes if "of the model; hold" in each)


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (Listed(), "depends on layers[1].weight, layers[1].bias, which are no parameters of the model; hold layers in"),
        (Global(3, 2), "depends on 1 trainable tensor of shape (2,) that the model does not hold, which is no param"),
        (Buffered(), "depends on scale, which is no parameter of the model; hold"),
    ],
)
def test_what_the_output_depends_on_is_told(model: nn.Module, told: str) -> None:
    """By its name where the model holds it; what is frozen is not meant."""
    assert told in notes(model, torch.randn(4, 3))


@pytest.mark.parametrize(
    ("model", "X"),
    [
        (Slope(), torch.randn(4, 3)),
        (nn.Linear(3, 2), torch.randn(4, 3, requires_grad=True)),
        (Scaled(3, 2), {"x": torch.randn(4, 3, requires_grad=True), "scale": torch.randn(4, 2, requires_grad=True)}),
    ],
)
def test_what_is_an_input_is_not_told(model: nn.Module, X: Tensor | dict[str, Tensor]) -> None:
    """Nor what a forward pass makes anew each time, nor what is held and not used."""
    assert notes(model, X) == ""


def test_a_model_of_nothing_but_such_tensors_is_refused_with_the_reason() -> None:
    """It has no parameter at all."""

    class Nothing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = {"first": nn.Linear(3, 2)}

        def forward(self, X: Tensor) -> Tensor:
            return self.layers["first"](X)

    told = r"no trainable parameter, .*; layers\['first'\]\.weight, layers\['first'\]\.bias are trainable, but no param"
    with pytest.raises(InvalidModel, match=told):
        jaccheck.check(Nothing(), torch.randn(4, 3))
