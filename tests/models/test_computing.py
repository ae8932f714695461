"""`jacobians` and `assert_jacobians_right`, the two lines for a user's own code and tests."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

import jaccheck
from jaccheck.errors import InvalidModel, InvalidOut, UnknownName
from jaccheck.methods import Jacobians, Problem, find_method, registered
from jaccheck.models import computing
from jaccheck.models.computing import PREFERENCE


def made(dtype: torch.dtype = torch.float32) -> tuple[nn.Module, Tensor]:
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).to(dtype), torch.randn(6, 4).to(dtype)


class Branching(nn.Linear):
    """torch.vmap cannot follow a branch that depends on the data."""

    def forward(self, X: Tensor) -> Tensor:
        return torch.stack([self._one(x) for x in X]) if len(X) else super().forward(X)

    def _one(self, x: Tensor) -> Tensor:
        z = super().forward(x)
        return z if float(x.sum()) > 0 else -z


@pytest.mark.parametrize("method", [None, "autograd_loop", "sqrt_ggn_mean", "vmap_jacfwd"])
def test_jacobians_are_right(method: str | None) -> None:
    """By name and by default; they hold on to no graph."""
    model, X = made()
    found = jaccheck.jacobians(model, X, method=method)
    assert [tuple(j.shape) for j in found.values()] == [(6, 3, *p.shape) for p in model.parameters()]
    assert not any(j.requires_grad for j in found.values())
    jaccheck.assert_jacobians_right(found, model, X)


def test_the_default_finds_a_method_that_copes() -> None:
    """Where vmap fails, the next one is tried."""
    model, X = Branching(4, 2), torch.randn(3, 4)
    jaccheck.assert_jacobians_right(jaccheck.jacobians(model, X), model, X)


class Distances(nn.Module):
    """torch.func's vmap over the backward pass of cdist gives wrong numbers, without a word (torch 2.13)."""

    def __init__(self) -> None:
        super().__init__()
        self.points = nn.Parameter(torch.randn(3, 2))

    def forward(self, X: Tensor) -> Tensor:
        return torch.cdist(X, self.points).mean(1)


@pytest.mark.parametrize("seed", range(4))
def test_the_default_takes_no_method_that_contradicts_a_backward_pass(seed: int) -> None:
    """The next one that does not is taken; nor does the estimate take what torch's vmap makes of it."""
    torch.manual_seed(seed)
    model, X = Distances(), torch.randn(4, 5, 2)
    jaccheck.assert_jacobians_right(jaccheck.jacobians(model, X), model, X)


@pytest.mark.parametrize("entry", range(0, 4 * 3 * 6, 7))
def test_a_wrong_entry_contradicts_a_backward_pass(entry: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever it is: nothing is returned where no other method is left."""

    def wrong(problem: Problem) -> Jacobians:
        found = registered()["autograd_loop"].compute(problem)
        found["points"].view(-1)[entry] += 0.01
        return found

    monkeypatch.setattr(computing, "PREFERENCE", ("vmap_vjp",))
    monkeypatch.setattr(computing, "find_method", lambda name: replace(find_method(name), compute=wrong))
    with pytest.raises(InvalidModel, match="vmap_vjp: what it gives for points is not what a backward pass gives"):
        jaccheck.jacobians(Distances(), torch.randn(4, 5, 2))


def test_the_preferred_methods_exist() -> None:
    """Where a name is wrong, no model has a default."""
    assert set(PREFERENCE) <= set(registered())


def test_a_method_that_does_not_cover_the_model() -> None:
    """One line says why; a name that is not known suggests another."""
    with pytest.raises(InvalidModel, match="batch_grad_loop does not cover this model: BatchGrad has no rule for 0"):
        jaccheck.jacobians(nn.Sequential(nn.LayerNorm(4)), torch.ones(2, 4), method="batch_grad_loop")
    with pytest.raises(UnknownName, match="did you mean vmap_vjp"):
        jaccheck.jacobians(*made(), method="vmap_vjb")


def test_an_empty_batch_has_empty_jacobians() -> None:
    """Shapes (0, C, *θ.shape)."""
    found = jaccheck.jacobians(made()[0], torch.ones(0, 4))
    assert found["0.weight"].shape == (0, 3, 5, 4)


@pytest.mark.parametrize("layer", [nn.Tanh(), nn.GELU()], ids=["bound", "estimate"])
def test_a_wrong_entry_is_named(layer: nn.Module) -> None:
    """With its place, what it is, what it should be, and who says so."""
    model, X = made()
    model[1] = layer
    found = jaccheck.jacobians(model, X)
    found["2.weight"][4, 1, 1, 2] += 0.01
    with pytest.raises(AssertionError, match=r"2.weight\[4, 1, 1, 2\]: .* instead of .*1 of 774 entries wrong, says"):
        jaccheck.assert_jacobians_right(found, model, X)


def test_results_of_all_methods_are_accepted() -> None:
    """Where values come from is not known: forward mode and scaled results are right too, also on small integers."""
    model, X = made(torch.float64)
    with torch.no_grad():
        for p in model.parameters():
            p.round_()
    model[1] = nn.ReLU()
    for name in ("vmap_jacfwd", "sqrt_ggn_sum", "batch_grad_loop", "func_jacrev"):
        jaccheck.assert_jacobians_right(jaccheck.jacobians(model, X.round(), method=name), model, X.round())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda J: {**J, "0.bias": J["0.bias"][:, :2]}, r"0.bias: shape \(6, 2, 5\), expected \(N, C, \*θ.shape\)"),
        (lambda J: {name: j for name, j in J.items() if name != "0.bias"}, "returned Jacobians of"),
        (lambda J: {name: j.double() for name, j in J.items()}, "dtype torch.float64, expected torch.float32"),
        (lambda J: list(J.values()), "returned list, expected a dict of tensors"),
    ],
)
def test_another_structure_is_refused(change: object, message: str) -> None:
    """Before any value is looked at."""
    model, X = made()
    with pytest.raises(AssertionError, match=message):
        jaccheck.assert_jacobians_right(change(jaccheck.jacobians(model, X)), model, X)  # type: ignore[operator]


@pytest.mark.parametrize("method", [None, "hooks"])
def test_out_is_written_to(method: str | None) -> None:
    """With `out` the Jacobians come back in the tensors that were given, and are right."""
    model, X = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)), torch.ones(5, 3)
    out = {name: torch.full((5, 2, *p.shape), torch.nan) for name, p in model.named_parameters()}
    found = jaccheck.jacobians(model, X, method=method, out=out)
    assert all(found[name] is out[name] for name in out)
    jaccheck.assert_jacobians_right(out, model, X)


def test_memory_that_cannot_be_used_is_refused() -> None:
    """Another shape, or a method that returns tensors of its own."""
    model, X = nn.Linear(3, 4), torch.ones(5, 3)
    out = {name: torch.empty(5, 4, *p.shape) for name, p in model.named_parameters()}
    with pytest.raises(InvalidOut, match="vmap_vjp returns tensors of its own"):
        jaccheck.jacobians(model, X, method="vmap_vjp", out=out)
    with pytest.raises(InvalidOut, match=r"has shape \(5, 4, 4\)"):
        jaccheck.jacobians(model, X, out={**out, "weight": out["bias"]})


class Fast(nn.Linear):
    """The derivative of sin(1000 h) by h, of which bfloat16 leaves nothing."""

    def forward(self, X: Tensor) -> Tensor:
        return torch.sin(1000 * super().forward(X))


def test_where_hardly_anything_can_be_decided_nothing_is_asserted_right() -> None:
    """Zeros in the place of Jacobians that rounding can turn into anything are not right, nor are they wrong."""
    torch.manual_seed(0)
    model, X = nn.Sequential(Fast(4, 5), nn.CELU(), Fast(5, 2)).bfloat16(), torch.randn(3, 4).bfloat16()
    zeros = {name: torch.zeros(3, 2, *p.shape, dtype=p.dtype) for name, p in model.named_parameters()}
    with pytest.raises(AssertionError, match="cannot be decided"):
        jaccheck.assert_jacobians_right(zeros, model, X)
