"""Layers of width zero, as an ablation or a search over widths makes them: every method that covers them runs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from jaccheck.methods import Problem, copy_of, find_method


class Branched(nn.Module):
    """A branch without features beside one with four."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.c, self.b = nn.Linear(3, 0), nn.Linear(3, 4), nn.Linear(4, 2)

    def forward(self, X: Tensor) -> Tensor:
        return self.b(torch.cat([torch.tanh(self.a(X)), self.c(X)], -1))


class Embedded(nn.Module):
    """An embedding without features."""

    def __init__(self) -> None:
        super().__init__()
        self.e, self.b = nn.Embedding(4, 0), nn.Linear(0, 2)

    def forward(self, X: Tensor) -> Tensor:
        return self.b(self.e(X).sum(1))


X = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
MODELS: dict[str, tuple[Callable[[], nn.Module], Tensor]] = {
    "perceptron": (lambda: nn.Sequential(nn.Linear(3, 0), nn.Tanh(), nn.Linear(0, 2)), X),
    "input": (lambda: nn.Sequential(nn.Linear(0, 3), nn.Tanh(), nn.Linear(3, 2)), X[:, :0]),
    "norm": (lambda: nn.Sequential(nn.Linear(3, 0), nn.RMSNorm(0), nn.Linear(0, 2)), X),
    "slopes": (lambda: nn.Sequential(nn.Linear(3, 0), nn.PReLU(0), nn.Linear(0, 2)), X),
    "tokens": (lambda: nn.Sequential(nn.Linear(3, 0), nn.Linear(0, 2), nn.Flatten()), X[:, None].expand(5, 4, 3)),
    "branch": (Branched, X),
    "embedding": (Embedded, torch.arange(15).reshape(5, 3) % 4),
}


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("method", ["hooks", "autograd_loop", "complex_step", "central_differences"])
def test_a_layer_without_numbers_is_no_obstacle(method: str, name: str) -> None:
    """Each entry is what autograd gives for one output of one sample."""
    torch.manual_seed(0)
    model, inputs = MODELS[name][0]().double(), MODELS[name][1]
    inputs = inputs.double() if inputs.is_floating_point() else inputs
    problem = Problem(model, inputs, model(inputs)[0].numel())
    if find_method(method).refuses(problem):
        pytest.skip("is refused beforehand")
    found = find_method(method).compute(copy_of(problem))
    for n in range(problem.N):
        row = model(inputs[n : n + 1]).flatten()
        for c in range(problem.C):
            expected = torch.autograd.grad(row[c], [*model.parameters()], retain_graph=True, allow_unused=True)
            for (key, p), one in zip(model.named_parameters(), expected, strict=True):
                assert found[key].shape == (problem.N, problem.C, *p.shape)
                right = torch.zeros_like(p) if one is None else one
                torch.testing.assert_close(found[key][n, c], right, rtol=1e-7, atol=1e-7)
