"""The closed form agrees with autograd where it applies, and refuses beforehand everything else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from jaccheck.judging import autograd_by_sample
from jaccheck.methods import Problem, find_method

CLOSED_FORM = find_method("outer_products")


def linear() -> nn.Linear:
    return nn.Linear(4, 4)


def shared(layer: nn.Module) -> nn.Module:
    return nn.Sequential(linear(), layer, nn.Linear(4, 3), layer)


COVERED: dict[str, Callable[[], nn.Module]] = {
    "one layer": lambda: nn.Linear(4, 3),
    "no activation between": lambda: nn.Sequential(linear(), linear(), nn.Linear(4, 3, bias=False)),
    "activation first and last": lambda: nn.Sequential(nn.Tanh(), linear(), nn.Sigmoid()),
    "one activation twice": lambda: shared(nn.LeakyReLU(-0.5)),
    "one sequential twice": lambda: shared(nn.Sequential(nn.ELU(), nn.Identity())),
    "in place": lambda: nn.Sequential(linear(), nn.ReLU(inplace=True), nn.Linear(4, 3)),
    "nested": lambda: nn.Sequential(nn.Sequential(nn.Sequential(linear()), nn.SELU()), nn.Linear(4, 1), nn.Flatten(0)),
    "empty inside": lambda: nn.Sequential(nn.Sequential(), linear(), nn.LogSigmoid(), linear(), nn.Sequential()),
    "transposed weight": lambda: _with_transposed_weight(nn.Sequential(linear(), nn.Tanh(), linear())),
    "after one output": lambda: nn.Sequential(nn.Linear(4, 1), nn.Flatten(0), nn.Tanh()),
}


def _with_transposed_weight(model: nn.Sequential) -> nn.Module:
    for layer in model:
        if isinstance(layer, nn.Linear):
            layer.weight = nn.Parameter(layer.weight.detach().t())
    return model


def problem_of(model: nn.Module, X: Tensor) -> Problem:
    torch.manual_seed(0)
    for p in model.parameters():
        p.data.uniform_(-1, 1)
    model.double().eval()
    with torch.no_grad():
        f = model(X.clone())
    return Problem(model, X, f.numel() // len(X))


@pytest.mark.parametrize("layout", ["contiguous", "transposed", "expanded"])
@pytest.mark.parametrize("name", COVERED)
def test_it_agrees_with_autograd(name: str, layout: str) -> None:
    """In contiguous memory of its own, whatever the strides of input and weights."""
    torch.manual_seed(1)
    X = {
        "contiguous": torch.randn(5, 4).double(),
        "transposed": torch.randn(4, 5).double().t(),
        "expanded": torch.randn(1, 4).double().expand(5, 4),
    }[layout]
    problem = problem_of(COVERED[name](), X)
    assert CLOSED_FORM.refuses(problem) is None
    J = CLOSED_FORM.compute(problem)
    expected = autograd_by_sample(problem)
    assert list(J) == list(expected)
    for parameter, jacobian in J.items():
        torch.testing.assert_close(jacobian, expected[parameter], rtol=1e-12, atol=1e-13)
        assert jacobian.is_contiguous()
        assert not jacobian.requires_grad


def test_more_dimensions_are_flattened_first() -> None:
    """An image may pass activations before its Flatten."""
    model = nn.Sequential(nn.Tanh(), nn.Flatten(1, 2), nn.Sequential(nn.Flatten()), nn.Linear(12, 2))
    problem = problem_of(model, torch.randn(3, 2, 3, 2).double())
    assert CLOSED_FORM.refuses(problem) is None
    for parameter, jacobian in CLOSED_FORM.compute(problem).items():
        torch.testing.assert_close(jacobian, autograd_by_sample(problem)[parameter], rtol=1e-12, atol=1e-13)


class OfItsOwn(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


class Twice(nn.Sequential):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


def _hooked(register: str, where: int | None) -> nn.Module:
    model = nn.Sequential(linear(), nn.ReLU(), linear())
    getattr(model if where is None else model[where], register)(lambda *_: None)
    return model


def _patched() -> nn.Module:
    model = nn.Sequential(linear(), nn.ReLU())
    model[1].forward = lambda x: x  # type: ignore[method-assign]
    return model


def _tied() -> nn.Module:
    model = nn.Sequential(linear(), nn.ReLU(), linear())
    model[2].weight = model[0].weight  # type: ignore[union-attr]
    return model


def _called_twice() -> nn.Module:
    layer = linear()
    return nn.Sequential(layer, nn.ReLU(), layer)


def _with_extra_parameter() -> nn.Module:
    model = nn.Sequential(linear())
    model.register_parameter("scale", nn.Parameter(torch.ones(1)))
    return model


def _with_gradient_hook() -> nn.Module:
    model = nn.Sequential(linear())
    model[0].weight.register_hook(lambda gradient: 2 * gradient)  # type: ignore[union-attr]
    return model


def _in_another_dtype() -> nn.Module:
    return nn.Sequential(linear().float())


def _in_training() -> nn.Module:
    return nn.Sequential(linear(), nn.Dropout(0.5)).train()


REFUSED: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "another layer": (lambda: nn.Sequential(linear(), nn.GELU()), "1 is GELU; it covers Sequentials of Linear, "),
    "a subclass": (lambda: nn.Sequential(OfItsOwn(4, 4)), "0 is OfItsOwn"),
    "a Sequential of its own": (lambda: nn.Sequential(Twice(linear())), "0 is Twice"),
    "parametrized": (
        lambda: nn.Sequential(parametrizations.weight_norm(linear())),
        "0 is ParametrizedLinear",
    ),
    "hook on the model": (lambda: _hooked("register_forward_hook", None), "the model has hooks"),
    "hook before a layer": (lambda: _hooked("register_forward_pre_hook", 0), "0 has hooks"),
    "hook of backward": (lambda: _hooked("register_full_backward_hook", 2), "2 has hooks"),
    "patched": (_patched, "1 has a forward of its own"),
    "tied": (_tied, "used by more than one layer"),
    "called twice": (_called_twice, "used by more than one layer"),
    "extra parameter": (_with_extra_parameter, "beside weight and bias"),
    "gradient hook": (_with_gradient_hook, "hook on its gradient"),
    "dtype": (_in_another_dtype, "not torch.float64"),
    "training": (_in_training, "Dropout in training mode"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_it_does_not_cover_is_refused(kind: str) -> None:
    """With the name of the module and the reason."""
    make, reason = REFUSED[kind]
    model = make()
    if kind != "dtype":
        model.double()
    refusal = CLOSED_FORM.refuses(Problem(model, torch.randn(5, 4).double(), 4))
    assert reason in (refusal or ""), refusal


def test_linear_on_more_dimensions_is_refused() -> None:
    """Where it is applied to each row of a sample."""
    problem = Problem(nn.Sequential(linear(), nn.Flatten()), torch.randn(5, 2, 4), 8)
    assert "0 has input of 3 dimensions" in (CLOSED_FORM.refuses(problem) or "")


def test_a_hook_for_all_modules_is_refused() -> None:
    """As it is called with the module."""
    problem = Problem(nn.Sequential(linear()), torch.randn(5, 4), 4)
    handle = nn.modules.module.register_module_forward_hook(lambda *_: None)
    try:
        assert "has hooks" in (CLOSED_FORM.refuses(problem) or "")
    finally:
        handle.remove()
    assert CLOSED_FORM.refuses(problem) is None


def test_autocast_is_refused() -> None:
    """There a Linear returns another dtype than its weights have."""
    problem = Problem(nn.Sequential(linear()), torch.randn(5, 4), 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert "autocast" in (CLOSED_FORM.refuses(problem) or "")


def test_one_sample_shares_no_memory_with_the_weights() -> None:
    """Where Linear follows Linear, δ is the weight above, and for N = 1 a repeated tensor is no copy of itself."""
    model = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1))
    J = CLOSED_FORM.compute(Problem(model, torch.ones(1, 1), 1))
    before = J["0.bias"].clone()
    model[1].weight.data.neg_()
    assert torch.equal(J["0.bias"], before)
