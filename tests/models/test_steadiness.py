"""A model that follows the time or a counter is told as what it is, whatever it differs in first."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import jaccheck
from jaccheck.errors import InvalidModel

AGAIN = "the model gives another output when it is run again: it is random, or follows the time, a counter or another"


class Following(nn.Module):
    """A perceptron times one and a bit, where the bit follows something that is no part of the module."""

    def __init__(self, bit: Callable[[], float], *, in_training: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b = nn.Linear(3, 4), nn.Linear(4, 2)
        self._bit, self._in_training = [bit], in_training

    def forward(self, X: Tensor) -> Tensor:
        follows = self.training or not self._in_training
        return self.b(torch.tanh(self.a(X))) * (1 + self._bit[0]() * follows)

    def __deepcopy__(self, memo: dict[int, object]) -> Following:
        """The counter is shared, as one of a module of Python's is."""
        made = Following(self._bit[0], in_training=self._in_training)
        made.load_state_dict(self.state_dict())
        return made.to(self.a.weight.dtype).train(self.training)


def every(passes: int, step: float = 1.0) -> Callable[[], float]:
    """A counter that takes a step after so many passes, and takes it back after as many more."""
    counter = itertools.count()
    return lambda: step * (next(counter) // passes % 2)


def growing() -> Callable[[], float]:
    counter = itertools.count()
    return lambda: 1e-6 * next(counter)


BITS: dict[str, Callable[[], Callable[[], float]]] = {
    "a counter": lambda: every(1),
    "a counter that seldom shows": lambda: every(7),
    "a counter that is first seen while methods run": lambda: every(40),
    "a counter in the last digits": growing,
    "the time": lambda: lambda: time.perf_counter() % 7,
    "the time in the last digits": lambda: lambda: 1e-9 * time.perf_counter(),
}


@pytest.mark.parametrize("what", BITS)
def test_what_follows_something_outside_is_told(what: str) -> None:
    """Nothing is said of samples, of copies or of methods: the model differs from itself."""
    with pytest.raises(InvalidModel, match=AGAIN):
        jaccheck.check(Following(BITS[what]()), torch.randn(5, 3), seconds=20)


@pytest.mark.parametrize("what", ["a counter that seldom shows", "a counter in the last digits"])
def test_evaluation_mode_is_advised_where_it_ends_that(what: str) -> None:
    """And only there."""
    model = Following(BITS[what](), in_training=True)
    with pytest.raises(InvalidModel, match=rf"{AGAIN}.*; model\.eval\(\) ends that"):
        jaccheck.check(model, torch.randn(5, 3), seconds=20)
    report = jaccheck.check(model.eval(), torch.randn(5, 3), methods=("autograd_loop",), seconds=20)
    assert report.recommended == "autograd_loop"


class Remembering(nn.Linear):
    """Moves by a mean of what it has seen, in evaluation mode too or in training mode only."""

    def __init__(self, *, always: bool) -> None:
        super().__init__(3, 2)
        self.register_buffer("seen", torch.zeros(3))
        self.always = always

    def forward(self, X: Tensor) -> Tensor:
        if self.always or self.training:
            self.seen = 0.9 * self.seen + 0.1 * X.detach().mean(0)
        return super().forward(X - self.seen)


@pytest.mark.parametrize(
    ("always", "helps"), [(True, ", in evaluation mode too"), (False, r"; model\.eval\(\) ends that")]
)
def test_a_state_of_its_own_is_named(always: bool, helps: str) -> None:
    """And evaluation mode is advised where one model gives the same twice in it, not where two copies do."""
    with pytest.raises(InvalidModel, match=f"run again: each forward pass changes seen{helps}$"):
        jaccheck.check(Remembering(always=always), torch.randn(5, 3), seconds=20)
