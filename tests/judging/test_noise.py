"""The estimate of what rounding does: no false alarm on models of many kinds, and nothing wrong explained by it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from jaccheck_support.architectures import ARCHITECTURES, made

from jaccheck.judging import Part, flattened, outside
from jaccheck.judging.live.expected import Estimate
from jaccheck.methods import Problem, problem_of, registered

FLOAT64, FLOAT32, FLOAT16 = torch.float64, torch.float32, torch.float16
METHODS = ("autograd_batched", "func_jacrev", "vmap_jacfwd", "vmap_vjp", "batch_grad_repeated")


def estimate(name: str, dtype: torch.dtype, seed: int = 0) -> tuple[Problem, Estimate]:
    problem = problem_of(*made(name, dtype=dtype, seed=seed))
    return problem, Estimate(problem, Part(range(problem.N), range(problem.C)))


@pytest.mark.parametrize("dtype", [FLOAT64, FLOAT32, FLOAT16])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_right_methods_are_within_the_estimate(name: str, dtype: torch.dtype) -> None:
    """In their own dtype and in float64, forward and reverse mode, in batches and one by one."""
    problem, expected = estimate(name, dtype)
    for method in METHODS:
        if registered()[method].refuses(problem):
            continue
        for target in expected.targets(registered()[method]):
            actual = flattened(registered()[method].compute(target.problem()))
            assert not outside(actual, target.expected, target.bound), (method, target.is_own_dtype)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_estimate_is_narrow(name: str) -> None:
    """In float32 it is small beside the largest entry; in float64 a difference of 10⁻⁶ of that is too much."""
    expected = estimate(name, FLOAT32)[1]
    double, single = expected.targets(registered()["func_jacrev"])
    assert single.undecided < 0.05 * len(single.expected)
    assert np.median(single.bound) < 1e-5 * abs(single.expected).max()
    assert outside(double.expected + 1e-6 * abs(double.expected).max(), double.expected, double.bound)


def test_a_kink_within_reach_makes_the_estimate_wide() -> None:
    """At z = 0 but for rounding either slope of a ReLU is right; at z = 1 it is not."""
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU(), torch.nn.LayerNorm(2)).eval()
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0, 1.0, 1.0], [1.0, 1.0, 2.0]]))
        model[0].bias.zero_()
    problem = problem_of(model, torch.tensor([[0.1, 0.2, -0.3 + 1e-9]]))
    expected = Estimate(problem, Part(range(1), range(2)))
    *_, single = expected.targets(registered()["func_jacrev"])
    assert single.undecided > 0


def test_a_model_with_float32_inside_is_not_compared_in_float64() -> None:
    """Its own autograd is the witness then, and the report says so."""

    class Inside(torch.nn.Linear):
        def forward(self, X: torch.Tensor) -> torch.Tensor:
            return super().forward(X).float().tanh().to(X.dtype)

    problem = problem_of(Inside(3, 2), torch.randn(4, 3))
    expected = Estimate(problem, Part(range(4), range(2)))
    assert expected.witness == "autograd"
    (target,) = expected.targets(registered()["vmap_vjp"])
    actual = flattened(registered()["vmap_vjp"].compute(target.problem()))
    assert not outside(actual, target.expected, target.bound)
    assert outside(actual * 1.0001, target.expected, target.bound)
