"""What is said of models and inputs that are legitimate and odd: X of a subclass, X written to, NaN in outputs."""

from __future__ import annotations

import io

import pytest
import torch
from jaccheck_support.people_models import Lambda, batch
from rich.console import Console
from torch import Tensor, nn

import jaccheck
from jaccheck.errors import InvalidModel
from jaccheck.rendering import print_model_report
from jaccheck.reports import Outcome


class Image(Tensor):
    """As torchvision, kornia and MONAI have them: results of torch's functions on it are of it, too."""


def test_numbers_of_a_subclass_are_as_right_as_plain_ones() -> None:
    """Whatever autograd computes from an X of a subclass is of that subclass: no method chose it, none is wrong."""
    model, X = nn.Linear(3, 2), batch(4, 3).as_subclass(Image)
    weight, _ = torch.autograd.grad(model(X)[1, 0], [model.weight, model.bias])
    assert type(weight) is Image

    report = jaccheck.check(model, X, methods=["autograd_loop", "autograd_batched", "outer_products"])
    assert [answer.outcome for answer in report.answers] == [Outcome.AGREES] * 3
    assert report.notes == ("Image is taken for a plain tensor of the same numbers",)
    J = {"weight": batch(4, 2, 2, 3), "bias": torch.eye(2).expand(4, 2, 2)}
    J["weight"] = torch.einsum("cd,ni->ncdi", torch.eye(2), X.as_subclass(Tensor))
    jaccheck.assert_jacobians_right({name: j.as_subclass(Image) for name, j in J.items()}, model, X)


@pytest.mark.parametrize("requires_grad", [False, True])
def test_a_model_that_writes_into_its_input_is_refused(requires_grad: bool) -> None:
    """Whoever calls it twice gives it another X the second time."""
    model = Lambda(lambda m, x: m.a(x.mul_(2)), a=nn.Linear(3, 2))
    X = batch(4, 3).requires_grad_(requires_grad)
    with pytest.raises(InvalidModel, match="the forward pass writes into X") as raised:
        jaccheck.check(model, X)
    assert "\n" not in str(raised.value)


def test_a_model_that_writes_what_stands_there_is_judged() -> None:
    """A clamp that cuts nothing leaves X as it is; torch allows it of no tensor that requires grad."""
    model = Lambda(lambda m, x: m.a(x.clamp_(-100, 100)), a=nn.Linear(3, 2))
    report = jaccheck.check(model, batch(4, 3), methods=["autograd_loop"])
    assert [answer.outcome for answer in report.answers] == [Outcome.AGREES]


def test_nan_in_the_output_is_no_change() -> None:
    """An output that is NaN in each pass is the same in each pass: no pass has changed the model."""
    model = Lambda(lambda m, x: m.a(x).log(), a=nn.Linear(3, 4))
    X = batch(4, 3)
    assert bool(model(X).isnan().any())
    assert not any("changes" in note for note in jaccheck.check(model, X, methods=["autograd_loop"]).notes)


def test_a_wide_terminal_has_every_column() -> None:
    """A column that is left out for want of room is there where there is room."""
    model = Lambda(lambda m, x: m.b(torch.tanh(m.a(x))), a=nn.Linear(3, 4), b=nn.Linear(4, 2))
    report = jaccheck.check(model.bfloat16(), batch(4, 3).bfloat16(), methods=["functional_jacobian_vectorized"])
    texts = {}
    for width in (60, 220):
        print_model_report(report, Console(file=(file := io.StringIO()), width=width))
        texts[width] = file.getvalue()
    assert "a wider terminal has it" in texts[60]
    assert "a wider terminal has it" not in texts[220]


def test_another_dtype_is_not_called_another_number() -> None:
    """A method whose numbers are right in float64, and that returns another dtype in the model's own."""

    def half(problem: jaccheck.Problem) -> jaccheck.Jacobians:
        J = jaccheck.jacobians(problem.model, problem.X, method="autograd_loop")
        return J if problem.dtype == "float64" else {name: j.half() for name, j in J.items()}

    model = Lambda(lambda m, x: m.a(x).sin(), a=nn.Linear(3, 4))
    method = jaccheck.Method(name="half", family="own", compute=half, summary="")
    text = str(jaccheck.check(model, batch(4, 3), methods=[method]))
    assert "half: DISAGREES in float32 (float64: AGREES): a.weight: dtype torch.float16, expected torch.float32" in text


def test_where_autograd_is_contradicted_that_is_why_nothing_is_advised() -> None:
    """Not that too little could be decided."""

    class Twice(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):  # type: ignore[no-untyped-def]
            return x * 2

        @staticmethod
        def backward(ctx, gradient):  # type: ignore[no-untyped-def]
            return gradient

    model = Lambda(lambda m, x: Twice.apply(m.a(x)), a=nn.Linear(3, 4))
    report = jaccheck.check(model, batch(4, 3), methods=["autograd_loop"])
    assert report.verdict.endswith("no method is advised: what they were compared with is in doubt")
