"""The estimate of what rounding does: no false alarm on models of many kinds, and nothing wrong explained by it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from jaccheck_support.architectures import ARCHITECTURES, made

from jaccheck.judging import Expectation, Part, Reference, compare, compare_values, in_float64
from jaccheck.judging.live.references import estimate_of
from jaccheck.judging.stochastic_arithmetic import Moved, Moves, generator_for
from jaccheck.methods import Jacobians, Problem, copy_of, problem_of, registered

FLOAT64, FLOAT32, FLOAT16 = torch.float64, torch.float32, torch.float16
METHODS = ("autograd_batched", "func_jacrev", "vmap_jacfwd", "vmap_vjp", "batch_grad_repeated")


def estimate(name: str, dtype: torch.dtype, seed: int = 0) -> tuple[Problem, Reference]:
    problem = problem_of(*made(name, dtype=dtype, seed=seed))
    return problem, estimate_of(problem, Part(range(problem.N), range(problem.C)))


def computed(method: str, problem: Problem, expectation: Expectation) -> Jacobians:
    """By the method, in the dtype that the expectation is of."""
    own = copy_of(problem)
    return registered()[method].compute(own if expectation.dtype == problem.dtype else in_float64(own))


@pytest.mark.parametrize("dtype", [FLOAT64, FLOAT32, FLOAT16])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_right_methods_are_within_the_estimate(name: str, dtype: torch.dtype) -> None:
    """In their own dtype and in float64, forward and reverse mode, in batches and one by one."""
    problem, reference = estimate(name, dtype)
    for method in METHODS:
        if registered()[method].refuses(problem):
            continue
        for expectation in reference.expectations(registered()[method]):
            result = computed(method, problem, expectation)
            assert compare(result, expectation) is None, (method, expectation.dtype)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_estimate_is_narrow(name: str) -> None:
    """In float32 it is small beside the largest entry; in float64 a difference of 10⁻⁶ of that is too much."""
    reference = estimate(name, FLOAT32)[1]
    double, single = reference.expectations(registered()["func_jacrev"])
    assert single.undecided < 0.05 * len(single.expected)
    assert np.median(single.bound) < 1e-5 * abs(single.expected).max()
    assert compare_values(double.expected + 1e-6 * abs(double.expected).max(), double)


def test_a_kink_within_reach_makes_the_estimate_wide() -> None:
    """At z = 0 but for rounding either slope of a ReLU is right; at z = 1 it is not."""
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU(), torch.nn.LayerNorm(2)).eval()
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0, 1.0, 1.0], [1.0, 1.0, 2.0]]))
        model[0].bias.zero_()
    problem = problem_of(model, torch.tensor([[0.1, 0.2, -0.3 + 1e-9]]))
    reference = estimate_of(problem, Part(range(1), range(2)))
    *_, single = reference.expectations(registered()["func_jacrev"])
    assert single.undecided > 0


def test_a_model_with_float32_inside_is_compared_in_float64_too() -> None:
    """Its own arithmetic there is coarser, and so is the limit."""

    class Inside(torch.nn.Linear):
        def forward(self, X: torch.Tensor) -> torch.Tensor:
            return super().forward(X).float().tanh().to(X.dtype)

    problem = problem_of(Inside(3, 2), torch.randn(4, 3))
    reference = estimate_of(problem, Part(range(4), range(2)))
    assert reference.source == "float64 autograd"
    for expectation in reference.expectations(registered()["vmap_vjp"]):
        result = computed("vmap_vjp", problem, expectation)
        assert compare(result, expectation) is None
        assert compare({name: jacobian * 1.0001 for name, jacobian in result.items()}, expectation)
        decided = abs(expectation.expected) > 0
        assert np.median(expectation.bound[decided] / abs(expectation.expected[decided])) > 2.0**-24


class Likelihood(torch.nn.Module):
    """Log-probabilities of a Beta distribution, which torch takes for a Dirichlet's: 0.3 and 0.7 must sum to one."""

    def __init__(self) -> None:
        super().__init__()
        self.a = torch.nn.Linear(3, 2)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        a, b = (1 + torch.nn.functional.softplus(self.a(X))).unbind(1)
        f: torch.Tensor = torch.distributions.Beta(a, b).log_prob(torch.tensor(0.3, dtype=X.dtype))
        return f[:, None]


def test_a_distribution_does_not_reject_numbers_that_are_moved() -> None:
    """So a limit is known in float32, and validation is as before afterwards."""
    torch.manual_seed(0)
    problem = problem_of(Likelihood(), torch.randn(4, 3))
    reference = estimate_of(problem, Part(range(4), range(1)))
    limit = reference.expectation(registered()["vmap_vjp"]).bound
    assert np.isfinite(limit).all()
    assert torch.distributions.Distribution._validate_args
    with pytest.raises(ValueError, match="support"):
        torch.distributions.Normal(0.0, 1.0).log_prob(torch.tensor(float("nan")))


def test_what_is_written_in_place_is_moved_where_it_rounds() -> None:
    """A product and a cast to fewer digits are; numbers that are only copied, or get more digits, are not."""
    torch.manual_seed(0)
    x, size = torch.rand(64), 2.0**-10
    coarse, fine = x.bfloat16(), torch.rand(64, dtype=torch.float64)
    with Moved(Moves({torch.float32: size}, generator_for(x.device, 0))):
        rounded = {"product": x.clone().mul_(0.3), "cast": torch.empty(64).copy_(fine)}
        handed_on = {"copied": torch.empty(64).copy_(x), "cast": torch.empty(64).copy_(coarse)}
    for name, exact in (("product", x * 0.3), ("cast", fine.float())):
        off = (rounded[name] / exact - 1).abs()
        assert 0.5 * size < off.max() < 1.01 * size
    assert torch.equal(handed_on["copied"], x)
    assert torch.equal(handed_on["cast"], coarse.float())
