"""What `hooks` does not cover is refused beforehand or, where only running shows it, an error: never a wrong number."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import torch
from jaccheck_support.hooks import HOOKS, Checkpointed, integers, problem_of
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations

from jaccheck.errors import NotCovered
from jaccheck.judging import observe
from jaccheck.judging.laws.state import undeclared_changes
from jaccheck.methods import Problem, find_method


def _patched(change: Callable[[nn.Sequential], object]) -> nn.Module:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    change(model)
    return model


class Scaled(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


REFUSED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "another layer": (lambda: nn.Sequential(nn.PReLU()), "0 is PReLU and has trainable parameters"),
    "a subclass": (lambda: nn.Sequential(Scaled(4, 4)), "0 is Scaled"),
    "attention": (lambda: nn.MultiheadAttention(4, 2), "the model is MultiheadAttention"),
    "parametrized": (lambda: nn.Sequential(parametrizations.weight_norm(nn.Linear(4, 4))), "has trainable parameters"),
    "extra parameter": (
        lambda: _patched(lambda model: model[0].register_parameter("extra", nn.Parameter(torch.ones(1)))),
        "0 has a parameter extra",
    ),
    "backward hook": (
        lambda: _patched(lambda model: model[2].register_full_backward_hook(lambda *_: None)),
        "2 has hooks",
    ),
    "gradient hook": (
        lambda: _patched(lambda model: model[2].weight.register_hook(lambda gradient: None)),
        "2 has hooks",
    ),
    "training": (lambda: nn.Sequential(nn.BatchNorm1d(4)).train(), "0 takes its statistics from the batch"),
    "without statistics": (lambda: nn.Sequential(nn.BatchNorm1d(4, track_running_stats=False)), "from the batch"),
    "max_norm": (lambda: nn.Sequential(nn.Embedding(4, 4, max_norm=1.0)), "0 is an Embedding with max_norm"),
    "frequency": (lambda: nn.Sequential(nn.Embedding(4, 4, scale_grad_by_freq=True)), "0 is an Embedding"),
    "sparse": (lambda: nn.Sequential(nn.Embedding(4, 4, sparse=True)), "0 is an Embedding"),
    "two dtypes": (lambda: nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4).double()), "it covers one real dtype"),
    "scripted": (lambda: torch.jit.script(nn.Sequential(nn.Linear(4, 4))), "the model is compiled"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_it_does_not_cover_is_refused(kind: str) -> None:
    """By looking at modules only, with the name of the module and the reason."""
    make, reason = REFUSED[kind]
    model = make()
    if kind != "training":
        model.eval()
    refusal = HOOKS.refuses(Problem(model, torch.ones(3, 4), 4))
    assert reason in (refusal or ""), refusal


# What only shows while it runs


class Uses(nn.Module):
    """A layer's weight once more, in a way that has no rule."""

    def __init__(self, use: Callable[[nn.Linear, Tensor], Tensor]) -> None:
        super().__init__()
        self.a, self.use = nn.Linear(4, 4), use

    def forward(self, x: Tensor) -> Tensor:
        return self.a(x) + self.use(self.a, x)


class Squared(torch.autograd.Function):
    """A use that no watch of torch's functions sees."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return x @ (weight * weight)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        return gradient @ (weight * weight).t(), 2 * weight * (x.t() @ gradient)


def _in_place_on_view(layer: nn.Linear, x: Tensor) -> Tensor:
    h = layer(x[:, None])
    h.view(-1)[:2] *= 2
    return h[:, 0]


class Mixed(nn.Module):
    def __init__(self, mix: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.a, self.b, self.mix = nn.Linear(4, 4), nn.Linear(4, 4), mix

    def forward(self, x: Tensor) -> Tensor:
        return self.mix(self.b(torch.tanh(self.a(x))))


class SequenceFirst(nn.Module):
    """Layers see (T, N, features), and T happens to be N."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.a(x.transpose(0, 1))).transpose(0, 1).flatten(1)


class Positions(nn.Module):
    """An embedding of positions, as many as there are samples."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.a = nn.Embedding(5, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.a(x + self.embedding(torch.arange(5)))).flatten(1)


class Flattened(nn.Module):
    """Rows of all samples below each other."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.a(x.reshape(-1, 4)).reshape(len(x), -1)


class ChangedInput(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        h = x * 1
        y = self.a(h)
        h += 1
        return y + h


class Disabled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            h = self.a(x)
        return self.b(h)


TRAPS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "product": (lambda: Uses(lambda layer, x: x * layer.bias), "a.bias is also used in MulBackward0"),
    "matrix product": (lambda: Uses(lambda layer, x: x @ layer.weight), "a.weight is also used in MmBackward0"),
    "transposed": (lambda: Uses(lambda layer, x: functional.linear(x, layer.weight.t())), "a.weight is also used in"),
    "as input": (lambda: Uses(lambda layer, x: functional.linear(layer.weight, layer.weight)[0]), "a.weight is also"),
    "penalty": (lambda: Uses(lambda layer, x: layer.weight.square().sum()), "a.weight is also used in PowBackward0"),
    "function": (lambda: Uses(lambda layer, x: Squared.apply(x, layer.weight)), "a.weight is also used in Squared"),
    "batch mean": (lambda: Mixed(lambda h: h - h.mean(0)), "outputs of one sample depend on another"),
    "rolled": (lambda: Mixed(lambda h: h.roll(1, 0)), "outputs of one sample depend on another"),
    "softmax": (lambda: Mixed(lambda h: h.softmax(0)), "outputs of one sample depend on another"),
    "changed input": (ChangedInput, "changed in place after"),
    "no_grad": (Disabled, "a.weight is used where gradients are disabled"),
    "reentrant": (lambda: Checkpointed(reentrant=True), "a.weight is used where gradients are disabled or recomputed"),
}


@pytest.mark.parametrize("kind", TRAPS)
def test_what_it_cannot_account_for_is_an_error(kind: str) -> None:
    """Never a wrong number; and nothing is left behind."""
    make, message = TRAPS[kind]
    problem = problem_of(make(), integers(5, 4).requires_grad_(kind == "reentrant"))
    assert HOOKS.refuses(problem) is None
    before = observe(problem)
    with pytest.raises(NotCovered, match=message):
        HOOKS.compute(problem)
    assert undeclared_changes(before, observe(problem), frozenset()) == []


def test_a_change_in_place_of_a_view_is_an_error_or_right() -> None:
    """Autograd goes round what the layer returned before torch 2.15, and through it since."""
    problem = problem_of(Uses(_in_place_on_view), integers(5, 4))
    expected = find_method("autograd_loop").compute(problem)
    with suppress(NotCovered):
        found = HOOKS.compute(problem)
        assert all(torch.equal(found[name], right) for name, right in expected.items())


@pytest.mark.parametrize(("model", "shape"), [(SequenceFirst, (5, 5, 4)), (Positions, (5, 5, 4))])
def test_samples_along_another_axis_are_an_error(model: Callable[[], nn.Module], shape: tuple[int, ...]) -> None:
    """Even where that axis is as long as the batch."""
    X = integers(*shape) / 8
    problem = problem_of(model(), X)
    for p in problem.parameters.values():
        p.data.div_(8)
    with pytest.raises(NotCovered, match="axis 0"):
        HOOKS.compute(problem)


def test_rows_of_all_samples_are_an_error() -> None:
    """With the shape that the layer got."""
    with pytest.raises(NotCovered, match=r"input of shape \(10, 4\), expected 5 samples along axis 0"):
        HOOKS.compute(problem_of(Flattened(), integers(5, 2, 4)))


def test_an_exception_of_the_model_leaves_nothing() -> None:
    """No watch goes on after it."""
    problem = Problem(nn.Sequential(nn.Linear(4, 4), nn.Linear(3, 2)), torch.ones(5, 4), 2)
    before = observe(problem)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        HOOKS.compute(problem)
    assert undeclared_changes(before, observe(problem), frozenset()) == []
    assert torch.overrides._get_current_function_mode() is None
