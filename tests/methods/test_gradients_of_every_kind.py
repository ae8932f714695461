"""Unused parameters, sparse gradients, several dtypes, gradients inside: right, or refused by a true reason."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from jaccheck_support.hooks import expected_of
from torch import Tensor, nn

import jaccheck
from jaccheck.errors import NotCovered
from jaccheck.methods import Method, Problem, find_method
from jaccheck.reports import Outcome


class Unused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(3, 2), nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.a(x)


class Sparse(nn.Module):
    def __init__(self, *, sparse: bool = True) -> None:
        super().__init__()
        self.embedding, self.out = nn.Embedding(6, 4, sparse=sparse), nn.Linear(4, 2)

    def forward(self, index: Tensor) -> Tensor:
        return self.out(torch.tanh(self.embedding(index)).sum(1))


class TwoDtypes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(3, 4, dtype=torch.float64), nn.Linear(4, 2, dtype=torch.float32)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(torch.tanh(self.a(x)).float()).double()


class Forces(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.energy = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = x.detach().requires_grad_()
        return -torch.autograd.grad(self.energy(x).sum(), x, create_graph=True)[0]


INPUT = torch.randn(5, 3, generator=torch.Generator().manual_seed(1)).double()
INDEX = torch.randint(0, 6, (5, 3), generator=torch.Generator().manual_seed(1))
BY_AUTOGRAD = ("autograd_loop", "autograd_batched", "functional_jacobian", "functional_jacobian_vectorized")
BY_FUNC = ("func_jacrev", "func_jacrev_chunked", "vmap_jacrev", "vmap_jacfwd", "vmap_jacfwd_chunked", "vmap_vjp")
BY_PACKAGES = ("expanded_weights", "batch_grad_loop", "batch_grad_repeated")
RIGHT: dict[str, tuple[Callable[[], nn.Module], Tensor, tuple[str, ...]]] = {
    "unused": (lambda: Unused().double(), INPUT, (*BY_AUTOGRAD, *BY_FUNC, *BY_PACKAGES, "sqrt_ggn_converted")),
    "two dtypes": (TwoDtypes, INPUT, (*BY_AUTOGRAD, *BY_FUNC)),
    "forces": (lambda: Forces().double(), INPUT, BY_AUTOGRAD),
    "sparse": (lambda: Sparse().double(), INDEX, ("autograd_loop", "vmap_jacfwd", "expanded_weights")),
}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, (*_, names) in RIGHT.items() for name in names])
def test_what_is_legitimate_is_right(kind: str, name: str) -> None:
    """Zeros for what is not used, each Jacobian dense and in its parameter's dtype."""
    make, X, _ = RIGHT[kind]
    torch.manual_seed(0)
    model = make()
    other = model
    if kind == "sparse":
        other = Sparse(sparse=False).double()
        other.load_state_dict(model.state_dict())
    expected = expected_of(Problem(other, X, 3 if kind == "forces" else 2))
    problem = Problem(model, X, 3 if kind == "forces" else 2)
    assert find_method(name).refuses(problem) is None
    found = find_method(name).compute(problem)
    for key, p in problem.parameters.items():
        assert found[key].dtype == p.dtype
        assert found[key].layout is torch.strided
        tolerance = 1e-12 if p.dtype == torch.float64 and kind != "two dtypes" else 1e-5
        torch.testing.assert_close(found[key], expected[key], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", [*BY_AUTOGRAD[1:], "func_jacrev", "vmap_jacrev_chunked", "vmap_vjp"])
def test_sparse_gradients_are_refused_where_torch_cannot(name: str) -> None:
    """Beforehand, by the name of the module; and it cannot, indeed."""
    problem = Problem(Sparse(), INDEX, 2)
    assert "embedding (Embedding) is sparse=True" in (find_method(name).refuses(problem) or "")
    with pytest.raises(NotImplementedError, match="Sparse"):
        find_method(name).compute(problem)


class Bypassed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.a.weight.t()


@pytest.mark.parametrize("name", ["batch_grad_loop", "batch_grad_repeated"])
def test_a_parameter_used_without_its_module_is_no_zero(name: str) -> None:
    """BackPACK saves nothing then, though there is a gradient."""
    with pytest.raises(NotCovered, match="weight has a gradient but no grad_batch"):
        find_method(name).compute(Problem(Bypassed(), INPUT.float(), 2))


def test_what_a_method_finds_not_covered_while_it_runs_is_a_refusal() -> None:
    """Not a crash: nothing is wrong with the method, and no number is returned."""

    def compute(problem: Problem) -> dict[str, Tensor]:
        raise NotCovered("a.weight is used otherwise")

    method = Method(name="mine", family="mine", compute=compute, summary="refuses")
    (answer,) = jaccheck.check(nn.Linear(3, 2), torch.ones(2, 3), methods=[method], seconds=1.0).answers
    assert (answer.outcome, answer.message) == (Outcome.UNSUPPORTED, "a.weight is used otherwise")
