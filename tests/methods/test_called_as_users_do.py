"""Methods of other packages get the batch as it is and the model itself, and leave what they say."""

from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor, nn

from jaccheck.methods import Problem, find_method

FORMS = {
    "contiguous": lambda X: X,
    "channels last": lambda X: X.contiguous(memory_format=torch.channels_last),
    "strided": lambda X: torch.stack([X, torch.full_like(X, torch.nan)], dim=-1)[..., 0],
    "expanded": lambda X: X[:1].expand(X.shape),
}
NAMES = ("opacus_hooks", "opacus_functorch", "opacus_ew", "laplace_curvlinops", "laplace_backpack", "captum_hooks")


def made(form: str = "contiguous", batch: int = 3) -> Problem:
    """A convolution, dropout in evaluation mode, and a Linear."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 2, 2), nn.Dropout(0.5), nn.Tanh(), nn.Flatten(), nn.Linear(8, 2)).double().eval()
    return Problem(model, FORMS[form](torch.randn(batch, 2, 3, 3, dtype=torch.float64)), 2)


def skip_unless_here(name: str) -> None:
    if missing := find_method(name).missing:
        pytest.skip(missing)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", NAMES)
def test_the_batch_is_what_the_model_gets(name: str, form: str) -> None:
    """With its strides and its number of samples, and the result is autograd's."""
    skip_unless_here(name)
    problem, seen = made(form), []
    problem.model[0].register_forward_pre_hook(lambda module, args: seen.append((args[0].shape, args[0].stride())))
    J = find_method(name).compute(problem)
    # torch.func calls the layer again, sample by sample.
    assert seen[0] == (problem.X.shape, problem.X.stride())
    assert {shape[0] for shape, _ in seen} <= {3, 1}
    if (name, form) == ("opacus_hooks", "channels last"):
        return  # opacus-conv-channels-last, whose script tests/judging/known runs
    expected = find_method("autograd_loop").compute(made(form))
    for key, jacobian in expected.items():
        torch.testing.assert_close(J[key], jacobian)


@pytest.mark.parametrize("name", ["opacus_hooks", "opacus_functorch", "opacus_ew"])
def test_opacus_captures_in_training_mode_and_leaves_dropout_as_it_is(name: str) -> None:
    """Only what has trained parameters is in training mode meanwhile, and afterwards all is as before."""
    skip_unless_here(name)
    problem, modes = made(), set()
    for module in problem.model:
        module.register_forward_pre_hook(lambda module, args: modes.add((type(module).__name__, module.training)))
    find_method(name).compute(problem)
    assert ("Dropout", False) in modes
    assert ("Linear", True) in modes
    assert not any(module.training for module in problem.model.modules())
    assert not any(module._backward_hooks for module in problem.model.modules())


@pytest.mark.parametrize("name", NAMES)
def test_the_model_can_be_asked_again(name: str) -> None:
    """What is left on it is no obstacle, also for another of these methods, and declared."""
    skip_unless_here(name)
    problem = made()
    before = {attribute for module in problem.model.modules() for attribute in vars(module)}
    first, second = (find_method(name).compute(problem) for _ in range(2))
    for key, jacobian in first.items():
        torch.testing.assert_close(second[key], jacobian, rtol=0, atol=0)
    after = {attribute for module in problem.model.modules() for attribute in vars(module)}
    assert after - before <= find_method(name).leaves


REFUSED: dict[str, tuple[nn.Module, tuple[int, ...], str]] = {
    "a kink": (nn.Sequential(nn.Linear(2, 2), nn.ReLU()), (3, 2), r"1 \(ReLU\) is not known to be analytic"),
    "a convolution": (nn.Sequential(nn.Conv1d(1, 2, 2), nn.Flatten()), (3, 1, 2), r"0 \(Conv1d\)"),
    "a sigmoid": (nn.Sequential(nn.Linear(2, 2), nn.Sigmoid()), (3, 2), "overflows"),
    "a mask": (nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)).train(), (3, 2), "another mask"),
    "a large network": (nn.Sequential(nn.Linear(100, 100)), (3, 100), "10,?100 numbers"),
}


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_the_complex_step_takes_dropout_that_draws_nothing(p: float) -> None:
    """Nothing is dropped, or everything: each forward pass is the same, and a refusal would be an untrue claim."""
    model = nn.Sequential(nn.Dropout(p), nn.Linear(3, 2)).double().train()
    assert find_method("complex_step").refuses(Problem(model, torch.zeros(2, 3).double(), 2)) is None


@pytest.mark.parametrize("what", REFUSED)
def test_the_complex_step_refuses(what: str) -> None:
    """What is not analytic, and what torch's complex kernels lose, in words."""
    model, shape, reason = REFUSED[what]
    refusal = find_method("complex_step").refuses(Problem(model.double(), torch.zeros(shape).double(), 2))
    assert refusal
    assert re.search(reason, refusal), refusal


def test_a_complex_convolution_loses_a_small_imaginary_part() -> None:
    """The reason of the refusal is true: torch makes it of three real ones, whose difference cancels."""
    weight = torch.complex(torch.ones(1, 1, 1), torch.full((1, 1, 1), 1e-30)).to(torch.complex128)
    X = torch.ones(1, 1, 1, dtype=torch.complex128)
    assert torch.conv1d(X, weight).imag.item() == 0


def weights(scale: float) -> Tensor:
    model = nn.Sequential(nn.Linear(2, 1)).double()
    X = scale * torch.tensor([[1.0, -3.0]], dtype=torch.float64)
    return find_method("complex_step").compute(Problem(model, X, 1))["0.weight"] / X


@pytest.mark.parametrize("exponent", [-100, 0, 100])
def test_the_complex_step_is_exact_for_huge_and_tiny_inputs(exponent: int) -> None:
    """No difference is formed, so nothing cancels: a power of two changes no digit."""
    assert (weights(2.0**exponent) == 1).all()


def test_what_is_slow_runs_by_name_only() -> None:
    """linearize traces each network, which takes fifty times as long as its derivative."""
    from jaccheck.methods import choose_methods

    assert "func_linearize" not in {method.name for method in choose_methods(())}
    assert [method.name for method in choose_methods(("func_linearize",))] == ["func_linearize"]
