"""What is said of models and inputs that are legitimate and odd: X of a subclass, X written to, NaN in outputs."""

from __future__ import annotations

import importlib.util
import io
import warnings
from typing import Any

import pytest
import torch
from jaccheck_support.people_models import Lambda, batch
from rich.console import Console
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

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


def test_parameters_of_a_model_with_two_inputs_are_told_by_their_own_names() -> None:
    """Whatever jaccheck has put around the model."""
    model = Lambda(
        lambda m, x, z: torch.vmap(lambda a, b: m.out(a * b) + m.out.weight[:, 0].exp())(x, z), out=nn.Linear(3, 2)
    )
    report = jaccheck.check(model, (batch(4, 3), batch(4, 3)), methods=["autograd_loop", "hooks", "batch_grad_loop"])
    told = [each.message for each in report.answers[1:]]
    assert all("out.weight" in each and "model.out" not in each for each in told), told


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
def test_gradients_that_a_reentrant_checkpoint_loses_are_told() -> None:
    """Autograd has none, and neither has what its forward pass computes: no method is right, and the cause is named."""
    model = Lambda(
        lambda m, x: m.out(checkpoint(m.layers, x, use_reentrant=True)),
        layers=nn.Sequential(nn.Linear(3, 4), nn.Tanh()),
        out=nn.Linear(4, 2),
    )
    report = jaccheck.check(model, batch(4, 3), methods=["autograd_loop", "hooks"])
    assert "a reentrant torch.utils.checkpoint" in str(report)
    assert report.recommended is None
    with pytest.raises(AssertionError, match="a reentrant"):
        jaccheck.assert_jacobians_right(
            jaccheck.jacobians(model, batch(4, 3), method="autograd_loop"), model, batch(4, 3)
        )


def test_a_sparse_tensor_on_the_way_is_judged() -> None:
    """A sparse adjacency of a graph in forward; its entries are held against a dense one by this test."""

    def forward(m: Any, x: Tensor, *, sparse: bool = True) -> Tensor:
        at, ones = torch.tensor([[0, 1, 2], [1, 2, 0]]), torch.ones(3, dtype=x.dtype)
        A = torch.sparse_coo_tensor(at, ones, (3, 3), check_invariants=True)
        mixed = [torch.sparse.mm(A, m.w(row)) if sparse else A.to_dense() @ m.w(row) for row in x]
        return torch.stack(mixed).tanh().sum(1)

    torch.manual_seed(0)
    model, X = Lambda(forward, w=nn.Linear(3, 4)), batch(4, 3, 3)
    torch.testing.assert_close(model(X), forward(model, X, sparse=False))
    report = jaccheck.check(model, X, methods=["autograd_loop"])
    assert report.answers[0].outcome is Outcome.CONSISTENT
    J = jaccheck.jacobians(model, X, method="autograd_loop")
    for n, c in ((0, 1), (3, 2)):
        dense = torch.autograd.grad(forward(model, X[n : n + 1], sparse=False)[0, c], model.w.weight)[0]
        torch.testing.assert_close(J["w.weight"][n, c], dense)


def test_layers_without_inputs_have_a_bound_too() -> None:
    """A Linear of no feature is its bias; difference quotients have a bound there, and nothing is raised."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns that there is nothing to initialise
        model = nn.Linear(0, 2)
    report = jaccheck.check(model, torch.zeros(4, 0), methods=["autograd_loop", "vmap_vjp", "central_differences"])
    assert report.recommended is not None


def test_the_only_output_may_have_its_samples_along_any_axis() -> None:
    """There is nothing to choose: it is taken, and the answer says how."""
    model, X = Lambda(lambda m, x: m.a(x).transpose(0, 1), a=nn.Linear(3, 2)), batch(4, 5, 3)
    assert model(X).shape == (5, 4, 2)
    report = jaccheck.check(model, X, methods=["autograd_loop", "vmap_vjp"])
    assert (report.N, report.C) == (4, 10)
    assert all(answer.is_usable for answer in report.answers)
    assert "the output has its samples along axis 1, and is taken so" in report.notes


def test_an_issue_is_that_of_the_methods_that_are_like_those_listed() -> None:
    """A module that is called twice: one reason for all of BackPACK's methods, with the id of the issue."""
    pytest.importorskip("backpack")
    model = Lambda(lambda m, x: m.a(torch.tanh(m.a(x))), a=nn.Linear(3, 3))
    report = jaccheck.check(model, batch(4, 3), methods=["batch_grad_loop", "batch_grad_subsampled"])
    assert [answer.outcome for answer in report.answers] == [Outcome.CRASHED] * 2
    assert all("module-used-twice" in answer.remedy for answer in report.answers)


def small() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


@pytest.mark.full
def test_what_a_compiler_makes_is_not_proven(capfd: pytest.CaptureFixture[str]) -> None:
    """It may compute in any order, and nothing that looks on is compiled with it; in place a copy is not compiled."""
    X = batch(4, 3)
    methods = ["autograd_loop", "vmap_vjp", *(["batch_grad_loop"] if importlib.util.find_spec("backpack") else [])]
    report = jaccheck.check(torch.compile(small(), backend="eager"), X, methods=methods)
    outcomes = {answer.method: answer.outcome for answer in report.answers}
    if outcomes.get("batch_grad_loop") is Outcome.UNSUPPORTED:  # the compiler of torch 2.15 runs no hooks of BackPACK
        del outcomes["batch_grad_loop"]
    assert set(outcomes.values()) == {Outcome.CONSISTENT}
    assert not any(answer.left for answer in report.answers)  # what the compiler marks is no method's doing
    assert "nor for what torch.compile makes of it" in report.judged_by
    assert "recompile_limit" not in capfd.readouterr().err

    model = small()
    model.compile(backend="eager")
    report = jaccheck.check(model, X, methods=["autograd_loop"])
    assert report.notes == ("the model is compiled in place, and copies of it are not: judged as it is written",)


class Sometimes(nn.Linear):
    """Adds noise: in training mode, or always."""

    def __init__(self, *, always: bool) -> None:
        super().__init__(3, 2)
        self.always = always

    def forward(self, x: Tensor) -> Tensor:
        f = super().forward(x)
        return f + torch.rand_like(f) if self.always or self.training else f


@pytest.mark.parametrize(("always", "told"), [(False, "model.eval() ends that"), (True, "in evaluation mode too")])
def test_evaluation_mode_is_advised_only_where_it_helps(always: bool, told: str) -> None:
    """It was tried on a copy."""
    with pytest.raises(InvalidModel, match="it draws random numbers") as raised:
        jaccheck.check(Sometimes(always=always), batch(4, 3))
    assert str(raised.value).endswith(told)


@pytest.mark.parametrize("by", ["method", "attribute"])
def test_a_layer_that_is_frozen_while_it_runs_is_a_cut(by: str) -> None:
    """As `detach` and `no_grad` are: the answer says so, and nothing is contradicted."""

    def freeze(layer: nn.Module, is_on: bool) -> None:
        for p in layer.parameters():
            if by == "method":
                p.requires_grad_(is_on)
            else:
                p.requires_grad = is_on

    def forward(m: Any, x: Tensor) -> Tensor:
        freeze(m.a, False)
        h = torch.tanh(m.a(x))
        freeze(m.a, True)
        return m.b(h)  # type: ignore[no-any-return]

    model = Lambda(forward, a=nn.Linear(3, 4), b=nn.Linear(4, 2))
    report = jaccheck.check(model, batch(4, 3), methods=["autograd_loop"])
    assert report.contradiction == ""
    assert any("the model cuts gradients (requires_grad = False)" in note for note in report.notes)


def test_data_of_what_is_computed_is_a_cut() -> None:
    """The old way to detach."""
    model = Lambda(lambda m, x: m.b(torch.tanh(m.a(x)).data), a=nn.Linear(3, 4), b=nn.Linear(4, 2))
    report = jaccheck.check(model, batch(4, 3), methods=["autograd_loop"])
    assert report.contradiction == ""
    assert any("the model cuts gradients (.data)" in note for note in report.notes)


@pytest.mark.full
@pytest.mark.parametrize("what", ["hessian", "divergence"])
def test_forward_mode_inside_of_a_model_is_judged(what: str) -> None:
    """Of PINNs and flows. Its made-up zeros lie nowhere in memory, and looking at them ended the process."""

    def forward(m: Any, x: Tensor) -> Tensor:
        if what == "hessian":
            return torch.func.vmap(torch.func.hessian(lambda z: m.net(z)[0]))(x).flatten(1)
        return torch.func.vmap(lambda z: torch.func.jacfwd(m.net)(z)[0, :1])(x)

    torch.manual_seed(0)
    model, X = Lambda(forward, net=nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 1))), batch(3, 2)
    report = jaccheck.check(model, X, methods=["autograd_loop", "vmap_vjp", "func_jacfwd"])
    assert [answer.outcome for answer in report.answers] == [Outcome.CONSISTENT] * 3
    assert {answer.in_float64 for answer in report.answers} == {Outcome.CONSISTENT}
    assert report.notes == ()

    z = X[1].requires_grad_()
    slope = torch.autograd.grad(model.net(z)[0], z, create_graph=True)[0][0]  # type: ignore[operator]
    value = torch.autograd.grad(slope, z, create_graph=True)[0][0] if what == "hessian" else slope
    right = torch.autograd.grad(value, model.net[0].weight)[0]  # type: ignore[union-attr, index, arg-type]
    found = jaccheck.jacobians(model, X, method="autograd_loop")["net.0.weight"]
    torch.testing.assert_close(found[1, 0], right)


def test_what_is_no_sequential_is_not_called_one() -> None:
    """A module without submodules, and a single layer: the reason why BackPACK's converter is not asked is theirs."""
    pytest.importorskip("backpack")
    own = Lambda(lambda m, x: x @ m.w, w=nn.Parameter(torch.ones(3, 2)))
    for model, reason in ((own, "BackPACK's converter"), (nn.Linear(3, 2), "a single layer is converted to itself")):
        (answer,) = jaccheck.check(model, batch(4, 3), methods=["sqrt_ggn_converted"]).answers
        assert answer.outcome is Outcome.UNSUPPORTED
        assert answer.message.startswith(reason)
