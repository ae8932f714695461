"""A wrong method on a user's model is told as the known issue that it is, by the operations that the model calls."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import jaccheck
from jaccheck.errors import InvalidModel
from jaccheck.judging import OPERATION_ISSUES, operations_of
from jaccheck.methods import find_method, problem_of
from jaccheck.reports import Outcome, statements


class Solved(nn.Module):
    """Solves a system of equations for each sample."""

    def __init__(self) -> None:
        super().__init__()
        self.matrix = nn.Linear(2, 4)

    def forward(self, X: Tensor) -> Tensor:
        A = self.matrix(X).view(-1, 2, 2) + 5 * torch.eye(2, dtype=X.dtype)
        return torch.linalg.solve(A, X)


class Rotated(nn.Module):
    """A rotation by a small angle for each sample, whose matrix is an exponential."""

    def __init__(self) -> None:
        super().__init__()
        self.angle = nn.Linear(2, 1)
        nn.init.constant_(self.angle.weight, 0.01)
        nn.init.constant_(self.angle.bias, 0.03)

    def forward(self, X: Tensor) -> Tensor:
        angle = self.angle(X)[:, 0]
        zero = torch.zeros_like(angle)
        return torch.linalg.matrix_exp(torch.stack([zero, -angle, angle, zero], 1).view(-1, 2, 2)).flatten(1)


class Distances(nn.Module):
    """Distances to points."""

    def __init__(self) -> None:
        super().__init__()
        self.points = nn.Parameter(torch.randn(3, 2))

    def forward(self, X: Tensor) -> Tensor:
        return torch.cdist(X, self.points)


class Packed(nn.Module):
    """Reads each sample's series as long as it is."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.GRU(1, 3, batch_first=True)

    def forward(self, X: Tensor) -> Tensor:
        lengths = 1 + (X[:, 1] > 0).long()
        packed = pack_padded_sequence(X.unsqueeze(2), lengths.cpu(), batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(self.rnn(packed)[0], batch_first=True, total_length=2)[0].sum(1)


class Slope(nn.Module):
    """The derivative of a potential by the input."""

    def __init__(self) -> None:
        super().__init__()
        self.potential = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))

    def forward(self, X: Tensor) -> Tensor:
        X = X.detach().requires_grad_()
        return torch.autograd.grad(self.potential(X).sum(), X, create_graph=True)[0]


class Normed(nn.Module):
    """Normalises by running statistics, which are those of no batch."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.InstanceNorm1d(1, affine=True, track_running_stats=True)
        self.eval()

    def forward(self, X: Tensor) -> Tensor:
        return torch.tanh(self.norm(X[:, None]))


class Settled(nn.Module):
    """A fixed point, which is found without gradients, and one more step with them."""

    def __init__(self) -> None:
        super().__init__()
        self.step = nn.Linear(2, 2)

    def forward(self, X: Tensor) -> Tensor:
        z = torch.zeros_like(X)
        with torch.no_grad():
            for _ in range(20):
                z = torch.tanh(self.step(z) / 2 + X)
        return torch.tanh(self.step(z) / 2 + X)


MODELS = {
    "torch-forward-mode-no-grad": (Settled, "func_jacfwd", "autograd_loop"),
    "torch-expanded-weights-instance-norm": (Normed, "expanded_weights", "autograd_loop"),
    "torch-expanded-weights-inner-gradient": (Slope, "expanded_weights", "autograd_loop"),
    "torch-expanded-weights-packed-order": (Packed, "expanded_weights", "autograd_loop"),
    "torch-vmap-lu-solve": (Solved, "vmap_jacfwd", "vmap_vjp"),
    "torch-vmap-cdist": (Distances, "vmap_vjp", "autograd_loop"),
}


def test_there_is_a_model_for_each_issue() -> None:
    """So that none is told of that nobody has seen."""
    assert set(MODELS) == {issue.id for issue in OPERATION_ISSUES if not issue.is_of_samples}


@pytest.mark.parametrize("name", MODELS)
def test_a_wrong_method_is_told_as_its_known_issue(name: str) -> None:
    """The other one is right, and nothing is said of it."""
    make, wrong, right = MODELS[name]
    torch.manual_seed(0)
    model, X = make(), torch.randn(4, 2)
    (issue,) = (each for each in OPERATION_ISSUES if each.id == name)
    if not issue.is_in_installed:
        pytest.skip(f"the installed torch is not among {issue.versions}")
    assert operations_of(problem_of(model, X)) & issue.operations
    report = jaccheck.check(model, X, methods=[wrong, right])
    first, other = report.answers
    assert first.outcome is Outcome.DISAGREES
    assert other.is_usable
    (told,) = (each for each in statements(report) if each.tone == "bad")
    assert f"the model calls an operation that has the known issue {name}, see `jaccheck known {name}`" in told.more


def test_a_kernel_that_is_another_for_one_sample_is_told_as_its_known_issue() -> None:
    """The batch is right to sixteen digits, a sample alone to eleven: nothing in the model makes samples depend."""
    torch.manual_seed(0)
    model, X = Rotated(), torch.randn(4, 2)
    double = Rotated().double()
    angle = double.angle(X.double())[:, 0]
    right = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], 1).detach()
    assert float((double(X.double()).detach() - right).abs().max()) < 1e-15
    alone = torch.cat([double(x[None].double()) for x in X]).detach()
    if float((alone - right).abs().max()) < 1e-15:
        pytest.skip("the installed torch computes it right")
    issue = "torch-matrix-exp-of-one"
    with pytest.raises(InvalidModel, match=f"calls an operation that has the known issue {issue}, see") as told:
        jaccheck.check(model, X)
    assert "step size" not in str(told.value)


def test_what_is_detached_is_a_constant_in_both_modes() -> None:
    """As the issue says: the model whose fixed point is detached is right in forward mode."""

    class Detached(Settled):
        def forward(self, X: Tensor) -> Tensor:
            z = torch.zeros_like(X)
            for _ in range(20):
                z = torch.tanh(self.step(z) / 2 + X)
            return torch.tanh(self.step(z.detach()) / 2 + X)

    report = jaccheck.check(Detached(), torch.randn(4, 2), methods=["func_jacfwd", "autograd_loop"])
    assert all(answer.is_usable for answer in report.answers)


def test_another_fault_on_such_a_model_is_no_known_issue() -> None:
    """A method that is not among those of the issue is wrong on its own account."""

    def twice(problem: jaccheck.Problem) -> dict[str, Tensor]:
        return {name: 2 * j for name, j in find_method("autograd_loop").compute(problem).items()}

    method = jaccheck.Method(name="twice", family="test", compute=twice, summary="wrong")
    report = jaccheck.check(Distances(), torch.randn(4, 2), methods=[method])
    (told,) = (each for each in statements(report) if each.tone == "bad")
    assert not told.more
