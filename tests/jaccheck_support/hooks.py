"""Models, problems and the comparison with autograd that the tests of `hooks` share.

Weights and inputs are small integers, so that nothing rounds in float64 and results must be equal; normalisations
divide, and are compared within 1e-12.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from jaccheck.judging import observe
from jaccheck.judging.laws.state import undeclared_changes
from jaccheck.methods import Jacobians, Problem, find_method

HOOKS = find_method("hooks")


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
    """Equal to autograd, fresh and into `out`, with nothing left behind."""
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


class Checkpointed(nn.Module):
    def __init__(self, *, reentrant: bool) -> None:
        super().__init__()
        self.a, self.b, self.reentrant = nn.Linear(4, 4), nn.Linear(4, 2), reentrant

    def forward(self, x: Tensor) -> Tensor:
        h: Tensor = checkpoint(lambda x: torch.relu(self.a(x)), x, use_reentrant=self.reentrant)
        return self.b(h)
