"""Samples that depend on each other are found, however little; rounding is not taken for it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from jaccheck_support.kinds import KINDS, Made
from jaccheck_support.people_models import Lambda, batch
from torch import Tensor, nn

import jaccheck
from jaccheck.errors import InvalidModel
from jaccheck.judging.live.dependence import check_dependence
from jaccheck.methods import problem_of

TOLERANCE = 1e-5


def solved(m: Any, x: Tensor, *, shared: bool) -> Tensor:
    """An ODE by pairs of Euler and Heun, whose step follows from the error: of the whole batch, or of each sample."""

    def slope(z: Tensor) -> Tensor:
        return torch.tanh(m.a(z))

    t = torch.zeros(len(x), 1, dtype=x.dtype)
    h = torch.full_like(t, 0.02)
    z = x
    for _ in range(60):
        if bool((t > 0.15 - 1e-9).all()):
            break
        h = torch.minimum(h, 0.15 - t)
        first = slope(z)
        second = slope(z + h * first)
        error = (h / 2 * (second - first)).detach().abs().amax(1, keepdim=True)
        error = error.amax().expand_as(error) if shared else error
        z = z + h / 2 * (first + second)
        t = t + h
        h = h * (0.9 * (TOLERANCE / error.clamp(min=1e-14)).sqrt()).clamp(0.3, 3)
    return m.b(z)  # type: ignore[no-any-return]


def solver(shared: bool, dtype: torch.dtype = torch.float32) -> Made:
    torch.manual_seed(0)
    model = Lambda(lambda m, x: solved(m, x, shared=shared), a=nn.Linear(3, 3), b=nn.Linear(3, 2))
    return model.to(dtype), batch(3, 3).to(dtype)


def test_a_step_size_that_the_batch_shares() -> None:
    """It moves outputs by some 1e-6, as this test measures; the message says by how much and what follows."""
    model, X = solver(shared=True, dtype=torch.float64)
    alone = torch.cat([model(X[n : n + 1]) for n in range(len(X))])
    apart = float((alone - model(X)).abs().max().detach())
    assert 1e-11 < apart < 2**-20
    with pytest.raises(InvalidModel, match=r"when it is run alone and .* samples depend on each other, .* step size"):
        check_dependence(problem_of(model, X))


def test_a_step_size_of_each_sample_is_its_own() -> None:
    """The same solver without sharing is taken."""
    check_dependence(problem_of(*solver(shared=False)))


def leaking(size: float) -> Made:
    torch.manual_seed(0)
    model = Lambda(lambda m, x: m.a(x) + size * m.a(x).mean(0, keepdim=True), a=nn.Linear(3, 2))
    return model, batch(5, 3)


@pytest.mark.parametrize("size", [1e-3, 1e-6, 1e-9, 1e-12])
def test_a_small_dependence(size: float) -> None:
    """Down to where rounding begins."""
    with pytest.raises(InvalidModel, match="depend on"):
        check_dependence(problem_of(*leaking(size)))


def test_a_small_dependence_of_a_large_output_is_told_with_its_digits() -> None:
    """Both numbers have as many as it takes to see that they differ."""
    model = Lambda(lambda m, x: m.a(x) + 1000 + (1e-10 * x).sum(), a=nn.Linear(3, 2))
    with pytest.raises(InvalidModel, match=r"is (\S+) when it is run alone and (?!\1 )\S+ in the batch"):
        check_dependence(problem_of(model.double(), batch(5, 3).double()))


def test_no_dependence_where_rounding_is_larger() -> None:
    """A chaotic map moves its output by as much as itself, alone or not: no sample is said to depend on another."""
    for seed in range(4):
        check_dependence(problem_of(*KINDS["chaotic"](seed)))


def of_gradient(m: Any, x: Tensor) -> Tensor:
    """No output changes with the batch, since what is added is zero; its derivative is not."""
    shift = x.mean(0, keepdim=True)
    return m.a(x) + (shift - shift.detach()).sum()  # type: ignore[no-any-return]


def test_a_dependence_of_derivatives_alone() -> None:
    """By autograd, where the outputs tell nothing."""
    model = Lambda(of_gradient, a=nn.Linear(3, 2))
    with pytest.raises(InvalidModel, match="derivatives by the input of sample"):
        check_dependence(problem_of(model, batch(5, 3)))


@pytest.mark.parametrize("name", [name for i, name in enumerate(KINDS) if i % 4 == 1])
def test_no_right_model_is_refused(name: str) -> None:
    """Kernels round in another way in a batch."""
    check_dependence(problem_of(*KINDS[name](0)))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", KINDS)
def test_no_right_model_of_any_kind_is_refused(name: str, seed: int) -> None:
    """On three seeds each, as a batch of 33."""
    model, X = KINDS[name](seed)
    if len(X) > 1:
        X = X.repeat(33, *[1] * (X.dim() - 1))[:33]
        X = X + 0.01 * torch.arange(33).view(-1, *[1] * (X.dim() - 1)) if X.is_floating_point() else X
    check_dependence(problem_of(model, X))


def counted() -> Made:
    torch.manual_seed(0)
    layers = nn.Embedding(6, 4, scale_grad_by_freq=True), nn.Flatten(), nn.Linear(12, 2)
    return nn.Sequential(*layers), torch.tensor([[1, 1, 2], [3, 3, 3], [1, 2, 4]])


def test_a_gradient_that_depends_on_the_batch() -> None:
    """The output of a sample alone is that in the batch, its gradient is not, as this test measures; why is named."""
    model, X = counted()
    θ = next(iter(model.parameters()))
    torch.testing.assert_close(model(X[:1]), model(X)[:1])
    alone, together = (torch.autograd.grad(model(each)[0, 0], θ)[0] for each in (X[:1], X))
    assert not torch.allclose(alone, together, rtol=0.1)
    with pytest.raises(
        InvalidModel, match=r"of sample 0 by 0\.weight is another one in the batch .*scale_grad_by_freq"
    ):
        jaccheck.check(model, X, methods=["autograd_loop"])


def test_an_embedding_that_counts_nothing_twice_yet() -> None:
    """No index is in two samples, or twice in one: it is told by the sample beside a copy of itself."""
    model, _ = counted()
    with pytest.raises(InvalidModel, match=r"of sample 0 by 0\.weight is another one beside a copy of the sample"):
        jaccheck.check(model, torch.tensor([[0, 1, 2], [3, 4, 5]]), methods=["autograd_loop"])
