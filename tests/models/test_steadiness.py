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


class Smoothed(nn.Linear):
    """Its output is drawn to that of the last pass, which leaves the output of the same samples as it is."""

    last: Tensor | None = None

    def forward(self, X: Tensor) -> Tensor:
        f = super().forward(X)
        f = f if self.last is None else 0.9 * f + 0.1 * self.last
        self.last = f.detach()
        return f


class Recurrent(nn.GRU):
    """Begins with the state in which the last pass ended."""

    h: Tensor | None = None

    def forward(self, X: Tensor) -> Tensor:
        f, h = super().forward(X[:, None], self.h)
        self.h = h.detach()
        return f[:, 0]


class Cached(nn.Linear):
    """Returns what it computed last where the input is the same."""

    last: tuple[Tensor, Tensor] | None = None

    def forward(self, X: Tensor) -> Tensor:
        if self.last is None or not torch.equal(self.last[0], X):
            self.last = X, super().forward(X)
        return self.last[1]


@pytest.mark.parametrize(
    ("model", "is_warm", "kept"),
    [
        (Smoothed(3, 2), False, "last"),
        (Smoothed(3, 2), True, "last"),
        (Recurrent(3, 2, batch_first=True), True, "h"),
        (Cached(3, 2), True, r"last\[0\]"),
    ],
)
def test_what_is_kept_from_an_earlier_pass_is_the_reason(model: nn.Module, is_warm: bool, kept: str) -> None:
    """Not an axis that the model is said to lose, nor a sample on which it is said to fail."""
    X = torch.randn(4, 3)
    if is_warm:
        model(X)
    with pytest.raises(InvalidModel, match=f"after it was run on other samples: it keeps {kept}.* from one pass to"):
        jaccheck.check(model, X)


class Attending(nn.Module):
    """Adds its keys and values to those of the last pass: twice the same are the same, but for rounding."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(3, 4) for _ in range(3))
        self.keys: Tensor | None = None

    def forward(self, X: Tensor) -> Tensor:
        k, v = self.k(X), self.v(X)
        if self.keys is not None and len(self.keys) == len(X):
            k, v = torch.cat([self.keys, k], 1), torch.cat([self.values, v], 1)
        self.keys, self.values = k.detach(), v.detach()
        return nn.functional.scaled_dot_product_attention(self.q(X), k, v).flatten(1)


def test_evaluation_mode_is_no_remedy_where_it_changes_nothing() -> None:
    """What differs in the last digits only differs in evaluation mode, too."""
    torch.manual_seed(0)
    with pytest.raises(InvalidModel, match="each forward pass changes keys, values, in evaluation mode too"):
        jaccheck.check(Attending(), torch.randn(3, 4, 3))


def test_what_is_kept_and_not_used_is_no_reason() -> None:
    """A model may remember its output for whoever wants to see it; what is wrong with it is told as ever."""

    class Remembers(nn.Linear):
        last: Tensor | None = None

        def forward(self, X: Tensor) -> Tensor:
            self.last = super().forward(X)
            return self.last.sum(0)

    model, X = Remembers(3, 2), torch.randn(4, 3)
    model(X)
    with pytest.raises(InvalidModel, match=r"shape \(2,\) whatever the number of samples"):
        jaccheck.check(model, X)
