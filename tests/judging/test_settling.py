"""What a forward pass changes is found and said, and the model is judged as it is once it changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from jaccheck_support.people_models import Lambda, batch, embedding_with_max_norm
from torch import Tensor, nn

import jaccheck
from jaccheck.errors import InvalidModel
from jaccheck.judging import examine
from jaccheck.methods import problem_of


class Counting(nn.Linear):
    """Counts its calls in a buffer."""

    def __init__(self) -> None:
        super().__init__(3, 2)
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))

    def forward(self, input: Tensor) -> Tensor:
        self.calls += 1
        return super().forward(input)


class InitialisedByData(nn.Module):
    """Shift and scale are set by the first batch; whether that was done is no tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.shift, self.scale = nn.Parameter(torch.zeros(3)), nn.Parameter(torch.ones(3))
        self.is_set = False

    def forward(self, x: Tensor) -> Tensor:
        if not self.is_set:
            with torch.no_grad():
                self.shift.copy_(-x.mean(0))
                self.scale.copy_(1 / x.std(0))
            self.is_set = True
        return (x + self.shift) * self.scale


def backward_counted() -> tuple[nn.Module, Tensor]:
    """A counter in a backward hook."""
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    model[1].register_buffer("calls", torch.zeros(()))
    model[1].register_full_backward_hook(lambda module, before, after: module.calls.add_(1) and None)
    return model, batch(5, 3)


def test_max_norm_is_judged_as_after_a_pass() -> None:
    """The weight is what a pass of this test's own makes of it, and stays so in both dtypes."""
    model, X = embedding_with_max_norm()
    untouched = model[0].weight.detach().clone()
    found = examine(problem_of(model, X))
    assert found.notes[0] == "the forward pass changes 0.weight (max_norm=0.5): judged as the model is after it"
    assert torch.equal(model[0].weight, untouched)
    model(X)
    settled = found.problem.model
    # Cut once more for float64, where rounding to float32 left a norm above the limit.
    torch.testing.assert_close(settled[0].weight, model[0].weight, rtol=1e-6, atol=0)
    for dtype in (torch.float32, torch.float64):
        before = settled.to(dtype)[0].weight.detach().clone()
        settled(X)
        assert torch.equal(settled[0].weight, before)


@pytest.mark.parametrize("seed", range(10))
def test_right_methods_agree_on_max_norm(seed: int) -> None:
    """Loops of autograd are consistent with the reference, in both dtypes; rows are cut to norms of all sizes."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Embedding(6, 4, max_norm=0.3 * 3**seed % 7), nn.Flatten(), nn.Linear(12, 2))
    X = torch.randint(0, 6, (5, 3))
    problem = examine(problem_of(model, X)).problem
    double = problem.model.double()
    kept = double[0].weight.detach().clone()
    for n in range(len(X)):
        double(X[n : n + 1])
    assert torch.equal(double[0].weight, kept)


def test_a_counter_is_a_note() -> None:
    """It changes in each pass, and the output does not; in the backward pass too."""
    found = examine(problem_of(Counting(), batch(5, 3)))
    assert found.notes == ("each forward pass changes calls, but not the output",)
    found = examine(problem_of(*backward_counted()))
    assert found.notes == ("a backward pass changes 1.calls, but not the output",)


def test_a_model_that_its_first_batch_initialises() -> None:
    """Shift and scale are those of the whole batch, also where a sample is run alone."""
    X = batch(5, 3)
    found = examine(problem_of(InitialisedByData(), X))
    assert found.notes == ("the forward pass changes shift, scale: judged as the model is after it",)
    expected = (X[0] - X.mean(0)) / X.std(0)
    torch.testing.assert_close(found.problem.model(X[:1])[0], expected)


def test_a_hook_on_a_parameter_is_told() -> None:
    """Copies do not have it."""
    model = nn.Sequential(nn.Linear(3, 2), nn.Tanh())
    model[0].weight.register_hook(lambda g: 2 * g)
    note = "0.weight has a gradient hook, which copies of the model do not have: judged without it"
    assert examine(problem_of(model, batch(5, 3))).notes == (note,)


def test_a_table_that_depends_on_parameters() -> None:
    """Made in the first pass and kept: a difference quotient moves parameters of models that have not run."""

    def forward(m: Any, x: Tensor) -> Tensor:
        if m.table is None:
            m.table = m.a.weight.sum(0)
        return m.b(x * m.table)  # type: ignore[no-any-return]

    model = Lambda(forward, a=nn.Linear(3, 4, bias=False), b=nn.Linear(3, 2))
    model.table = None  # type: ignore[assignment]
    found = examine(problem_of(model, batch(5, 3)))
    assert (found.notes, found.contradiction) == ((), "")


class Growing(nn.Module):
    """A parameter that each pass writes to, in the last digits."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.ones(3))

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            self.w[0] *= 1.0000001
        return x * self.w


def test_parameters_that_never_settle_are_refused() -> None:
    """By name."""
    with pytest.raises(InvalidModel, match="forward pass changes w"):
        examine(problem_of(Growing(), batch(5, 3)))


def test_check_says_it() -> None:
    """Notes stand in the report, and right methods are right on the model as it is judged."""
    report = jaccheck.check(*embedding_with_max_norm(), methods=["autograd_loop"], seconds=2.0)
    assert report.recommended == "autograd_loop"
    assert "0.weight (max_norm=0.5)" in report.notes[0]
