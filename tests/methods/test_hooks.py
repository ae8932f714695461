"""`hooks` equals autograd on live models of every covered layer, leaves nothing behind, and refuses what it cannot see.

Weights and inputs are small integers, so that nothing rounds in float64 and results must be equal; normalisations
divide, and are compared within 1e-12.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint

from jaccheck.errors import NotCovered
from jaccheck.laws import observe
from jaccheck.laws.state import undeclared_changes
from jaccheck.methods import find
from jaccheck.problem import Jacobians, Problem

HOOKS = find("hooks")


def integers(*shape: int, seed: int = 0) -> Tensor:
    """Between −3 and 3."""
    return torch.randint(-3, 4, shape, generator=torch.Generator().manual_seed(seed)).double()


def problem_of(model: nn.Module, X: Tensor) -> Problem:
    """The model in float64 and evaluation mode, with small integers as parameters."""
    model.double().eval()
    for seed, p in enumerate(model.parameters()):
        p.data.copy_(integers(*p.shape, seed=seed))
    with torch.no_grad():
        f = model(X)
    return Problem(model, X, f.numel() // len(X))


def expected_of(problem: Problem) -> Jacobians:
    """Autograd's, one forward pass for each sample; parameters that do not reach the output count as zero."""
    θ = problem.parameters
    J = {name: p.new_zeros(problem.N, problem.C, *p.shape) for name, p in θ.items()}
    for n in range(problem.N):
        f = problem.model(problem.X[n : n + 1]).reshape(problem.C)
        for c in range(problem.C):
            gradients = torch.autograd.grad(f[c], list(θ.values()), retain_graph=True, allow_unused=True)
            for jacobian, gradient in zip(J.values(), gradients, strict=True):
                if gradient is not None:
                    jacobian[n, c] = gradient
    return J


def check(model: nn.Module, X: Tensor, *, rounds: bool = False) -> None:
    """Equal to autograd, fresh and into given memory, with nothing left behind."""
    problem = problem_of(model, X)
    assert HOOKS.refuses(problem) is None
    before = observe(problem)
    J = HOOKS.compute(problem)
    out = {name: torch.full_like(jacobian, torch.nan) for name, jacobian in J.items()}
    columns = {name: torch.full((*j.shape, 2), torch.nan).double()[..., 0] for name, j in J.items()}
    HOOKS.compute(problem, out=out)
    HOOKS.compute(problem, out=columns)
    assert undeclared_changes(before, observe(problem), frozenset()) == []
    expected = expected_of(problem)
    assert list(J) == list(expected)
    for found in (J, out, columns):
        for name, jacobian in expected.items():
            if rounds:
                torch.testing.assert_close(found[name], jacobian, rtol=1e-12, atol=1e-12)
            else:
                assert torch.equal(found[name], jacobian), name


# Layers of every kind


@st.composite
def convolutions(draw: Any) -> tuple[nn.Module, Tensor]:
    """A convolution with drawn options, and an input it can take."""
    axes = draw(st.integers(1, 3))
    per_axis = st.tuples(*[st.integers(1, 3)] * axes)
    kernel, stride, dilation = draw(per_axis), draw(per_axis), draw(st.tuples(*[st.integers(1, 2)] * axes))
    groups = draw(st.integers(1, 3))
    padding = draw(st.one_of(st.tuples(*[st.integers(0, 2)] * axes), st.sampled_from(["same", "valid"])))
    mode = draw(st.sampled_from(["zeros", "circular", "reflect", "replicate"]))
    if padding == "same":
        stride = (1,) * axes
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    size = [draw(st.integers(max(span, 5), span + 5)) for span in spans]
    layer = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}[axes](
        groups * draw(st.integers(1, 2)),
        groups * draw(st.integers(1, 2)),
        kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        bias=draw(st.booleans()),
        padding_mode=mode,
    )
    return layer, integers(draw(st.integers(1, 3)), layer.in_channels, *size, seed=7)


@settings(max_examples=60, deadline=None, database=None, derandomize=True)
@given(convolutions())
def test_convolutions_of_every_option(drawn: tuple[nn.Module, Tensor]) -> None:
    """Stride, padding and its mode, dilation, groups, bias, in one to three dimensions."""
    layer, X = drawn
    layer.double().eval()
    with torch.no_grad():
        features = layer(X)[0].numel()
    check(nn.Sequential(layer, nn.ReLU(), nn.Flatten(), nn.Linear(features, 2)), X)


@pytest.mark.parametrize("bias", [True, False])
def test_a_linear_adds_up_over_inner_axes(bias: bool) -> None:
    """For input [N, A, B, features]."""
    check(nn.Sequential(nn.Linear(3, 4, bias=bias), nn.ReLU(), nn.Linear(4, 2), nn.Flatten()), integers(3, 2, 2, 3))


def _normalisation(kind: str) -> tuple[nn.Module, Tensor]:
    layers: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
        "layer": (lambda: nn.LayerNorm(4), (3, 4)),
        "layer of two axes": (lambda: nn.LayerNorm((2, 4)), (3, 5, 2, 4)),
        "layer over inner axes": (lambda: nn.LayerNorm(4, bias=False), (3, 2, 5, 4)),
        "group": (lambda: nn.GroupNorm(2, 4), (3, 4, 5)),
        "group of vectors": (lambda: nn.GroupNorm(2, 4), (3, 4)),
        "batch 1d": (lambda: nn.BatchNorm1d(4), (3, 4)),
        "batch 1d of sequences": (lambda: nn.BatchNorm1d(4), (3, 4, 5)),
        "batch 2d": (lambda: nn.BatchNorm2d(4), (3, 4, 2, 3)),
        "batch 3d": (lambda: nn.BatchNorm3d(4), (3, 4, 2, 1, 2)),
    }
    make, shape = layers[kind]
    layer = make()
    if isinstance(layer, nn.modules.batchnorm._BatchNorm):
        layer.running_mean, layer.running_var = torch.arange(4.0), torch.arange(1.0, 5.0)
    return layer, integers(*shape)


NORMALISATIONS = [
    "layer",
    "layer of two axes",
    "layer over inner axes",
    "group",
    "group of vectors",
    "batch 1d",
    "batch 1d of sequences",
    "batch 2d",
    "batch 3d",
]


@pytest.mark.parametrize("kind", NORMALISATIONS)
def test_normalisations(kind: str) -> None:
    """Their weight and bias, with a Linear above and below."""
    layer, X = _normalisation(kind)
    below = nn.Linear(X.shape[-1], X.shape[-1])
    features = X[0].numel()
    check(nn.Sequential(below, layer, nn.Tanh(), nn.Flatten(), nn.Linear(features, 2)), X, rounds=True)


@pytest.mark.parametrize("padding_idx", [None, 1, -1])
@pytest.mark.parametrize("shape", [(4, 3), (4,), (4, 2, 2)])
def test_an_embedding(shape: tuple[int, ...], padding_idx: int | None) -> None:
    """An index that occurs twice counts twice, the padding never."""
    X = torch.tensor([[0, 0, 4], [1, 4, 4], [2, 1, 0], [3, 3, 3]]).repeat(1, 2)
    X = X[:, 0] if len(shape) == 1 else X[:, : 3 if len(shape) == 2 else 4].reshape(shape)
    model = nn.Sequential(nn.Embedding(5, 3, padding_idx=padding_idx), nn.Linear(3, 2), nn.Flatten())
    check(model, X)


# Networks of every form


class Skip(nn.Module):
    """Both branches read x, and the sum goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 4), nn.Linear(4, 4, bias=False), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = self.a(x) + x
        return self.c(torch.relu(self.b(h)) * h + h)


class InPlace(nn.Module):
    """What layers return is changed in place."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.a(x)
        h += x
        f = self.b(h.relu_())
        f *= 2
        f[:, 0] += 1
        return f


class Shared(nn.Module):
    """One layer three times, and a second one with its weight."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)
        self.b.weight = self.a.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.a(torch.relu(self.a(x))) - self.a(x))


class Unused(nn.Module):
    """One layer is never called, the result of another never used."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 2), nn.Linear(4, 2), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        self.b(x)
        return self.c(x)


class Rowwise(nn.Module):
    """The output has three dimensions, and a layer's input has been transposed and reshaped within each sample."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(3, 2), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.a(x.view(-1, 4, 3)).transpose(1, 2))


class ByHand(nn.Module):
    """The layers' parameters go into functions directly."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(input=functional.linear(x, self.a.weight), bias=self.b.bias, weight=self.b.weight)


class Checkpointed(nn.Module):
    def __init__(self, *, reentrant: bool) -> None:
        super().__init__()
        self.a, self.b, self.reentrant = nn.Linear(4, 4), nn.Linear(4, 2), reentrant

    def forward(self, x: Tensor) -> Tensor:
        h: Tensor = checkpoint(lambda x: torch.relu(self.a(x)), x, use_reentrant=self.reentrant)
        return self.b(h)


class Repeated(nn.Module):
    """A hooked layer, that returns twice what it computed, and once more."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 2)
        self.a.register_forward_hook(lambda module, given, returned: 2 * returned)
        self.b.register_forward_pre_hook(lambda module, given: (given[0] + 1,))

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.a(x))


FORMS: dict[str, Callable[[], nn.Module]] = {
    "skip": Skip,
    "in place": InPlace,
    "shared": Shared,
    "unused": Unused,
    "by hand": ByHand,
    "forward hooks": Repeated,
    "checkpoint": lambda: Checkpointed(reentrant=False),
    "one layer": lambda: nn.Linear(4, 2),
    "ReLU in place": lambda: nn.Sequential(nn.Linear(4, 4), nn.ReLU(inplace=True), nn.Linear(4, 2)),
    "called twice": lambda: nn.Sequential(*[nn.Linear(4, 4)] * 3),
    "output [N]": lambda: nn.Sequential(nn.Linear(4, 1), nn.Flatten(0)),
}


@pytest.mark.parametrize("requires_grad", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_networks_of_every_form(form: str, requires_grad: bool) -> None:
    """Equal to autograd, whether the input requires a gradient or not."""
    check(FORMS[form](), integers(5, 4).requires_grad_(requires_grad))


class Pairs(nn.Module):
    """Two features, normalised: what comes back through them cancels, and only rounding is left."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.norm = nn.Linear(4, 2), nn.LayerNorm(2)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.a(x))


def test_what_cancels_is_not_taken_for_samples_that_mix() -> None:
    """A single sample cannot mix with others, and derivatives of some samples are exactly zero in the others' rows."""
    for seed in range(40):
        torch.manual_seed(seed)
        HOOKS.compute(Problem(Pairs(), torch.randn(1 + seed % 6, 4), 2))


def test_rows_within_a_sample() -> None:
    """May be moved at will, as long as axis 0 stays that of the samples."""
    check(Rowwise(), integers(4, 12))


@pytest.mark.parametrize("frozen", [("0.weight",), ("0.bias", "2.weight"), ("0.weight", "0.bias"), ("2.bias",)])
def test_frozen_parameters_have_no_jacobian(frozen: tuple[str, ...]) -> None:
    """And the others have theirs."""
    model = nn.Sequential(nn.Conv2d(2, 3, 2), nn.ReLU(), nn.Conv2d(3, 2, 2), nn.Flatten())
    for name in frozen:
        model.get_parameter(name).requires_grad_(False)
    check(model, integers(2, 2, 4, 4))


def test_an_empty_batch() -> None:
    """Has empty Jacobians."""
    problem = problem_of(nn.Sequential(nn.Conv2d(1, 2, 2), nn.Flatten(), nn.Linear(8, 3)), integers(1, 1, 3, 3))
    problem.X = problem.X[:0]
    assert {len(jacobian) for jacobian in HOOKS.compute(problem).values()} == {0}


def test_one_bad_sample_spoils_no_other() -> None:
    """NaN in a sample stays in its own Jacobians."""
    problem = problem_of(Skip(), integers(5, 4))
    right = HOOKS.compute(problem)
    problem.X = problem.X.clone()
    problem.X[2] = torch.nan
    others = [0, 1, 3, 4]
    for name, jacobian in HOOKS.compute(problem).items():
        assert torch.equal(jacobian[others], right[name][others])
        assert name == "c.bias" or jacobian[2].isnan().any()


def test_gradients_may_be_disabled_around_it() -> None:
    """It enables them for itself, and leaves them as they were."""
    problem = problem_of(Skip(), integers(5, 4))
    expected = HOOKS.compute(problem)
    with torch.no_grad():
        found = HOOKS.compute(problem)
        assert not torch.is_grad_enabled()
    assert all(torch.equal(found[name], jacobian) for name, jacobian in expected.items())
    assert not any(jacobian.requires_grad for jacobian in found.values())


# What is refused beforehand


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


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
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
    expected = find("autograd_loop").compute(problem)
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
