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

from jaccheck.errors import NotCovered
from jaccheck.judging import observe
from jaccheck.judging.laws.state import undeclared_changes
from jaccheck.methods import Problem, find_method


def _patched(change: Callable[[nn.Sequential], object]) -> nn.Module:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    change(model)
    return model


REFUSED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "recurrent": (lambda: nn.Sequential(nn.LSTM(4, 4)), "0 is LSTM and has trainable parameters"),
    "recurrent cell": (lambda: nn.Sequential(nn.GRUCell(4, 4)), "0 is GRUCell"),
    "bag": (lambda: nn.Sequential(nn.EmbeddingBag(4, 4)), "0 is EmbeddingBag"),
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
    "complex": (lambda: nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4, dtype=torch.cfloat)), "torch.complex64"),
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


class ChangedInput(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        h = x * 1
        y = self.a(h)
        h += 1
        return y + h


def _mapped(layer: nn.Linear, x: Tensor) -> Tensor:
    return torch.func.vmap(lambda row: row * layer.bias)(x)


def _as_complex(layer: nn.Linear, x: Tensor) -> Tensor:
    return (torch.fft.fft(x) * torch.view_as_complex(layer.weight.view(2, 4, 2))[0].exp()).real


def _written_over(layer: nn.Linear, x: Tensor) -> Tensor:
    bias = layer.bias * 2
    h = x * bias
    bias += 1
    return h


def _written_over_after_a_sum(layer: nn.Linear, x: Tensor) -> Tensor:
    bias = layer.bias * 2
    h = x + bias
    bias *= 3
    return h


def _mixed_into(layer: nn.Linear, x: Tensor) -> Tensor:
    rows = layer.weight.clone()
    rows[0] = torch.tanh(layer(x))[0]
    return x @ rows


def _second_derivative(layer: nn.Linear, x: Tensor) -> Tensor:
    with torch.enable_grad():
        inner = x.detach().requires_grad_()
        return torch.autograd.grad(torch.tanh(layer(inner)).sum(), inner, create_graph=True)[0]


@torch.jit.script
def _scripted(x: Tensor, bias: Tensor) -> Tensor:
    return x * bias


TRAPS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "distances": (lambda: Uses(lambda layer, x: torch.cdist(x, layer.weight)), "a.weight is used in"),
    "outer product": (lambda: Uses(lambda layer, x: torch.kron(x, layer.bias[None])[:, :4]), "a.bias is used in"),
    "input as a layer's weight": (
        lambda: Uses(lambda layer, x: functional.linear(layer.weight, x).t()),
        "a.weight is used",
    ),
    "function": (lambda: Uses(lambda layer, x: Squared.apply(x, layer.weight)), "a.weight is used in Squared"),
    "scripted": (lambda: Uses(lambda layer, x: _scripted(x, layer.bias)), "a.bias is used in"),
    "vmap": (lambda: Uses(_mapped), "a.bias is used in"),
    "complex": (lambda: Uses(_as_complex), "a.weight is used in"),
    "second derivative": (lambda: Uses(_second_derivative), "a.(weight|bias) is used in"),
    "changed parameter": (lambda: Uses(_written_over), "changed in place after"),
    "changed summand": (lambda: Uses(_written_over_after_a_sum), "changed in place after"),
    "a sample among parameters": (lambda: Uses(_mixed_into), "a.weight is used in|outputs of one sample depend"),
    "batch mean": (lambda: Mixed(lambda h: h - h.mean(0)), "outputs of one sample depend on another"),
    "rolled": (lambda: Mixed(lambda h: h.roll(1, 0)), "outputs of one sample depend on another"),
    "rolled by four": (lambda: Mixed(lambda h: torch.cat([h[4:], h[:4]])), "outputs of one sample depend on another"),
    "softmax": (lambda: Mixed(lambda h: h.softmax(0)), "outputs of one sample depend on another"),
    "changed input": (ChangedInput, "changed in place after"),
    "reentrant": (lambda: Checkpointed(reentrant=True), r"the model uses checkpoint\(use_reentrant=True\)"),
    "statistics": (
        lambda: Uses(lambda layer, x: functional.batch_norm(x, None, None, layer.bias, None, training=True)),
        "takes its statistics from the batch",
    ),
    "max_norm": (
        lambda: Uses(lambda layer, x: functional.embedding(x.long() % 4, layer.weight * 1, max_norm=1.0)[:, 0]),
        "has max_norm or scale_grad_by_freq",
    ),
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


def _minus_mean(module: nn.Module, given: Any, returned: Tensor) -> Tensor:
    return returned - returned.mean(0)


@pytest.mark.parametrize("kind", ["hook", "statistics over the batch", "frozen, without an axis of samples"])
def test_a_sequence_that_mixes_samples_is_an_error(kind: str) -> None:
    """Layers one after the other are known to keep samples apart only as they are and on what they are made for."""
    model = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))
    X = integers(5, 4)
    if kind == "hook":
        model[1].register_forward_hook(_minus_mean)
    elif kind == "statistics over the batch":
        model[1] = nn.LayerNorm((5, 4), elementwise_affine=False)
    else:
        model = nn.Sequential(nn.Linear(4, 4), nn.Conv2d(5, 5, 1).requires_grad_(False), nn.Flatten())
        X = integers(5, 4, 4)
    with pytest.raises(NotCovered, match="outputs of one sample depend on another"):
        HOOKS.compute(problem_of(model, X))


def _weight_of_the_sample(layer: nn.Linear, x: Tensor) -> Tensor:
    return functional.linear(x, torch.kron(x.t(), layer.weight[:1]), layer.bias)


def test_a_weight_that_depends_on_the_sample_hides_nothing() -> None:
    """The rule of the function accounts for the bias alone, and what is behind the weight has no rule."""
    with pytest.raises(NotCovered, match=r"a\.weight is used in"):
        HOOKS.compute(problem_of(Uses(_weight_of_the_sample), integers(1, 4)))


def test_a_change_in_place_of_a_view_is_an_error_or_right() -> None:
    """Autograd goes round what the layer returned before torch 2.15, and through it since."""
    problem = problem_of(Uses(_in_place_on_view), integers(5, 4))
    expected = find_method("autograd_loop").compute(problem)
    with suppress(NotCovered):
        found = HOOKS.compute(problem)
        assert all(torch.equal(found[name], right) for name, right in expected.items())


def test_an_exception_of_the_model_leaves_nothing() -> None:
    """No watch goes on after it."""
    problem = Problem(nn.Sequential(nn.Linear(4, 4), nn.Linear(3, 2)), torch.ones(5, 4), 2)
    before = observe(problem)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        HOOKS.compute(problem)
    assert undeclared_changes(before, observe(problem), frozenset()) == []
    assert torch.overrides._get_current_function_mode() is None
