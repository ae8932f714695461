"""Where autograd has NaN: what is said of methods that have it too, that have it elsewhere, and that have numbers."""

from __future__ import annotations

import pytest
import torch
from jaccheck_support.people_models import Lambda, batch
from torch import Tensor, nn

import jaccheck
from jaccheck.errors import InvalidModel
from jaccheck.reports import Outcome, statements


class Masked(nn.Module):
    """The root of what is positive, the usual way: its derivative in reverse mode is 0 · ∞ where it is cut off."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(2, 2), nn.Linear(2, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.body(x)
        return self.head(torch.where(h > 0, h.sqrt(), torch.zeros_like(h)))


def masked() -> tuple[nn.Module, Tensor]:
    """One cut off in sample 0, none in sample 1."""
    model = Masked()
    with torch.no_grad():
        model.body.weight.copy_(torch.eye(2))
        model.body.bias.zero_()
    return model, torch.tensor([[1.0, -1.0], [2.0, 3.0]])


def test_nan_of_another_sample_is_wrong_and_told() -> None:
    """Sample 1 alone has numbers; a backward pass over both samples multiplies sample 0's NaN by zero."""
    model, X = masked()
    alone = torch.autograd.grad(model(X[1:]).sum(), list(model.parameters()))
    assert all(bool(g.isfinite().all()) for g in alone)
    whole = torch.autograd.grad(model(X)[1].sum(), list(model.parameters()))
    assert bool(whole[0].isnan().any())

    report = jaccheck.check(model, X, methods=["autograd_loop", "vmap_vjp", "vmap_jacfwd"])
    spread, right, forward = report.answers
    assert spread.outcome is Outcome.DISAGREES
    assert "nan instead of" in spread.message
    assert "NaN spreads from other samples" in spread.message
    assert right.outcome is Outcome.CONSISTENT
    assert right.nan_entries == 3  # the row of body.weight and the entry of body.bias that are cut off in sample 0
    assert forward.outcome is Outcome.UNDECIDED
    assert forward.message == "3 of 18 entries are numbers where the reference, autograd of one sample, is NaN"
    assert report.recommended == "vmap_vjp"


def test_where_everything_is_nan_nothing_is_advised() -> None:
    """NaN like NaN says nothing of a method: one that returns NaN for whatever it is asked looks the same."""
    model, X = Lambda(lambda m, x: (m.a(x) * 0 - 1).sqrt(), a=nn.Linear(3, 2)), batch(4, 3)
    assert bool(torch.autograd.grad(model(X[:1])[0, 0], model.a.weight)[0].isnan()[0].all())

    def never(problem: jaccheck.Problem) -> jaccheck.Jacobians:
        θ = problem.parameters
        return {n: torch.full((problem.N, problem.C, *p.shape), torch.nan, dtype=p.dtype) for n, p in θ.items()}

    mine = jaccheck.Method(name="never", family="own", compute=never, summary="")
    nothing = nn.Sequential(model, nn.Linear(2, 1, bias=False))
    report = jaccheck.check(nothing, X, methods=["autograd_loop", mine])
    assert [answer.outcome for answer in report.answers] == [Outcome.UNDECIDED] * 2
    assert report.recommended is None
    assert "every entry is NaN" in report.advice


def test_a_loss_that_is_nan_has_no_reduction() -> None:
    """Nobody can tell whether it is a sum or a mean."""
    y = torch.tensor([[1.0, 0.0]] * 4)
    model = nn.Sequential(nn.Linear(3, 2), nn.Softmax(-1))
    with pytest.raises(InvalidModel, match="is NaN, so that nobody can tell whether it is the sum"):
        jaccheck.check(model, batch(4, 3), targets=y, loss=lambda f, y: (y * (y / f).log()).sum(1).mean())


def test_numbers_that_the_own_dtype_loses_are_told() -> None:
    """The usual naive softplus, whose exponential is infinite in float32: torch's own autograd has NaN there."""
    model = Lambda(lambda m, x: torch.log(1 + torch.exp(200 * m.a(x))), a=nn.Linear(1, 1, bias=False))
    with torch.no_grad():
        model.a.weight.fill_(1.0)
    X = torch.tensor([[0.1], [-0.1], [0.6], [0.2]])
    lost = [bool(torch.autograd.grad(model(x[None]).sum(), model.a.weight)[0].isnan()) for x in X]
    assert lost == [False, False, True, False]
    assert 200 * 0.6 < 700  # a number in float64

    report = jaccheck.check(model, X, methods=["autograd_loop", "vmap_vjp"])
    spread, right = report.answers
    assert spread.outcome is Outcome.DISAGREES  # it has NaN for the other samples, too
    assert right.outcome is Outcome.CONSISTENT
    assert (right.lost_entries, right.lost_parameters) == (1, ("a.weight",))
    assert "1 of 4 entries is NaN or infinite in float32, where float64 has numbers" in report.advice
    text = "vmap_vjp: 1 of 4 entries is NaN or infinite in float32 (a.weight), where float64 has numbers: undecided"
    assert text in str(report)


def test_what_is_lost_is_not_said_to_be_lost_by_autograd() -> None:
    """Where an output is NaN in float32 alone, forward mode has NaN for every entry, and autograd has some numbers."""
    model = Lambda(
        lambda m, x: 0 * torch.exp(400 * m.a(x)) + m.b(0 * x), a=nn.Linear(1, 1, bias=False), b=nn.Linear(1, 1)
    )
    with torch.no_grad():
        model.a.weight.fill_(1.0)
    X = torch.tensor([[0.5], [0.1], [0.2]])
    own = torch.autograd.grad(model(X[:1]).sum(), (model.a.weight, model.b.bias))
    assert [each.isnan().item() for each in own] == [True, False]

    report = jaccheck.check(model, X, methods=["func_jacfwd"])
    assert "b.bias" in report.answers[0].lost_parameters
    assert not [each.text for each in statements(report) if "b.bias" in each.text and "autograd" in each.text]


class Pooled(nn.Module):
    """The mean of the steps that a mask leaves, by attention; a sample of which it leaves none is 0/0."""

    def __init__(self) -> None:
        super().__init__()
        self.score = nn.Linear(2, 1, bias=False)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        scores = self.score(x).squeeze(-1).masked_fill(~mask, float("-inf"))
        return (scores.softmax(-1)[..., None] * x).sum(1)


def test_where_the_output_is_nan_nothing_is_wrong() -> None:
    """Reverse mode says zero there and forward mode NaN: there is no derivative, and that is told."""
    torch.manual_seed(0)
    mask = torch.tensor([[True, True, True], [True, False, True], [False, False, False]])
    model, X = Pooled(), batch(3, 3, 2)
    f = model(X, mask)
    assert f.isnan().nonzero().tolist() == [[2, 0], [2, 1]]
    assert float(torch.autograd.grad(f[2, 0], model.score.weight)[0].abs().max()) == 0.0

    report = jaccheck.check(model, {"x": X, "mask": mask}, methods=["autograd_loop", "vmap_vjp", "func_jacfwd"])
    assert [answer.outcome for answer in report.answers] == [Outcome.CONSISTENT] * 3
    assert [answer.undecided for answer in report.answers] == [4] * 3  # two outputs by two numbers
    assert [answer.nan_entries for answer in report.answers] == [0, 0, 4]
    assert [answer.lost_entries for answer in report.answers] == [0, 0, 0]
    told = "2 of 6 outputs are NaN, as output 0 of sample 2: there is no derivative that could be compared"
    assert told in report.notes
