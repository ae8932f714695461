"""Per-sample gradients of a loss: computed, checked, and held to the convention that is declared."""

from __future__ import annotations

import functools
import re

import pytest
import torch
from jaccheck_support.losses import (
    BITS,
    CLASSES,
    MEANS,
    SHARES,
    WEIGHTS,
    batch,
    network,
    own_gradients,
    reduced_gradients,
    with_reduction,
)
from torch import Tensor, nn

import jaccheck
from jaccheck.errors import InvalidModel
from jaccheck.methods import Problem, copy_of, loss_problem, problem_of, registered
from jaccheck.reports import Outcome

pytestmark = [
    pytest.mark.filterwarnings("ignore:reduction. 'mean' divides the total loss"),
    pytest.mark.filterwarnings(
        "ignore:There is a performance drop because we have not yet implemented the batching rule"
    ),
]
"""What torch says of KLDivLoss."""


def _is_close(found: dict[str, Tensor], expected: dict[str, Tensor]) -> bool:
    return list(found) == list(expected) and all(
        found[name].shape == value.shape and bool(((found[name].double() - value).abs() <= 1e-5).all())
        for name, value in expected.items()
    )


@pytest.mark.parametrize("kind", MEANS)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_gradients_are_those_of_one_sample_at_a_time(kind: str, reduction: str) -> None:
    """Row n is the gradient of the loss of sample n alone, whatever the reduction."""
    case, X = MEANS[kind], batch()
    model = case.model()
    found = jaccheck.gradients(model, X, case.y, with_reduction(case.loss, reduction))
    assert _is_close(found, own_gradients(case, model, X))


@pytest.mark.parametrize("kind", MEANS)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_shares_add_up_to_the_gradient_of_the_reduced_loss(kind: str, reduction: str) -> None:
    """Shares are the own gradients divided by what the mean divides by, and their sum is torch's own gradient."""
    case, X = MEANS[kind], batch()
    model, loss = case.model(), with_reduction(case.loss, reduction)
    shares = jaccheck.gradients(model, X, case.y, loss, returns="share")
    assert _is_close({n: s.sum(0) for n, s in shares.items()}, reduced_gradients(loss, case.y, model, X))
    by = case.divisor if reduction == "mean" else 1
    assert _is_close(shares, {n: g / by for n, g in own_gradients(case, model, X).items()})


METHODS = [m.name for m in registered().values() if not (m.missing or m.only_by_name)]


@pytest.mark.parametrize("kind", MEANS)
def test_every_method_that_does_not_refuse_a_loss_is_right(kind: str) -> None:
    """Methods for Jacobians see a model of one output; those that take the loss see the loss."""
    case, X = MEANS[kind], batch()
    model = case.model()
    expected, ran = own_gradients(case, model, X), []
    for reduction in ("mean", "sum", "none"):
        problem = loss_problem(problem_of(model, X), case.y, with_reduction(case.loss, reduction))
        for name in METHODS:
            method = registered()[name]
            if not method.refuses(problem):
                found = {n.removeprefix("model."): j[:, 0] for n, j in method.compute(copy_of(problem)).items()}
                assert _is_close(found, expected), (name, reduction)
                ran.append(name)
    assert {"autograd_loop", "vmap_vjp", "hooks", "batch_grad_loop", "loss_vmap_grad", "loss_batch_grad"} <= {*ran}


@pytest.mark.parametrize("kind", ["class weights", "mse"])
def test_right_gradients_pass_under_the_convention_that_they_have(kind: str) -> None:
    """Own ones as own, shares as shares, of the test's own loop."""
    case, X = MEANS[kind], batch()
    model = case.model()
    own = {n: g.float() for n, g in own_gradients(case, model, X).items()}
    jaccheck.assert_gradients_right(own, model, X, case.y, case.loss, returns="own")
    shares = {n: (g / case.divisor).float() for n, g in own_gradients(case, model, X).items()}
    jaccheck.assert_gradients_right(shares, model, X, case.y, case.loss, returns="share")


@pytest.mark.parametrize(
    ("factor", "returns", "told"),
    [
        (1 / 7.5, "own", "7.5 times too small: each sample's share .* declared as each sample's own gradient"),
        (1.0, "share", "7.5 times too large: each sample's own gradient, declared as each sample's share"),
        (1 / 6, "share", "a share in a mean over 6 samples, where this reduction divides by 7.5"),
        (1 / 7.5**2, "share", "7.5 times too small: the factor of the reduction, 1/7.5, is in it twice"),
        (6.0, "own", "6 times too large: multiplied by the number of samples"),
        (1.01, "own", r"\.(weight|bias)\["),
    ],
)
def test_a_wrong_factor_is_told_in_words(factor: float, returns: str, told: str) -> None:
    """What people get wrong is the factor of the reduction; here it is Σ w = 7.5 of six samples."""
    case, X = MEANS["class weights"], batch()
    model = case.model()
    wrong = {n: (g * factor).float() for n, g in own_gradients(case, model, X).items()}
    with pytest.raises(AssertionError, match=told):
        jaccheck.assert_gradients_right(wrong, model, X, case.y, case.loss, returns=returns)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["class weights", "bce with logits"])
def test_check_answers_for_the_loss_and_finds_what_is_wrong(kind: str) -> None:
    """The report names the loss and the user's model; a mean's factor that is forgotten is a wrong number, in words."""
    case, X = MEANS[kind], batch()
    model = case.model()

    def forgets(problem: Problem) -> dict[str, Tensor]:
        return {n: j / case.divisor for n, j in registered()["vmap_vjp"].compute(problem).items()}

    wrong = jaccheck.Method(name="forgets", family="test", compute=forgets, summary="own gradients, it says")
    methods = ["vmap_vjp", "loss_batch_grad", "loss_vmap_grad", "loss_expanded_weights", wrong]
    report = jaccheck.check(model, X, targets=case.y, loss=case.loss, methods=methods)
    assert (report.model, report.C) == ("Sequential", 1)
    assert report.loss.startswith(f"{type(case.loss).__name__}, ")
    for name in ("vmap_vjp", "loss_batch_grad", "loss_vmap_grad"):
        assert report.answer(name).outcome.is_usable
    assert report.answer("loss_expanded_weights").outcome is Outcome.UNSUPPORTED
    assert f"this mean divides by {case.divisor:g}" in report.answer("loss_expanded_weights").message
    answer = report.answer("forgets")
    assert answer.is_wrong
    assert f"{case.divisor:g} times too small: each sample's share" in f"{answer.message} {answer.message_in_float64}"


def _contrastive(f: Tensor, y: Tensor) -> Tensor:
    return torch.cdist(f, f).exp().mean()


def _pairs(f: Tensor, y: Tensor) -> Tensor:
    return (f[:, None] - f[None]).pow(2).sum()


@pytest.mark.parametrize(
    ("loss", "y", "told"),
    [
        (_contrastive, CLASSES, "it mixes samples"),
        (_pairs, CLASSES, "it mixes samples"),
        (nn.MSELoss(), SHARES[:, 0], r"would broadcast them, expected the same shape"),
        (nn.MSELoss(), SHARES[:5], "5 rows, expected one for each of the 6 samples"),
        (nn.CrossEntropyLoss(), CLASSES.float(), r"does not run on outputs of shape \(6, 3\)"),
        (nn.CrossEntropyLoss(), torch.tensor(1), "one row for each sample"),
        (nn.BCEWithLogitsLoss(weight=torch.ones(6, 3)), BITS, "a row for each sample"),
        (nn.CrossEntropyLoss, CLASSES, r"is the class CrossEntropyLoss, expected an object: CrossEntropyLoss\(\)"),
        (nn.Sequential(nn.Linear(3, 1)), CLASSES, "has parameters"),
        (nn.MSELoss(), SHARES * float("nan"), "NaN"),
        ("mse", SHARES, "expected a module such as"),
        (None, SHARES, "targets are given but no loss"),
    ],
)
def test_a_loss_without_per_sample_gradients_is_refused_with_the_reason(loss: object, y: Tensor, told: str) -> None:
    """Losses that mix samples are found by measuring; targets that torch would broadcast, by their shape."""
    with pytest.raises(InvalidModel, match=told) as refused:
        jaccheck.check(network(), batch(), targets=y, loss=loss)  # type: ignore[arg-type]
    assert "\n" not in str(refused.value)


def test_a_loss_of_ones_own_is_taken_as_it_is_for_one_sample() -> None:
    """Its reduction is measured: a mean over samples, of what it says of each alone."""
    model, X = network(), batch()

    def loss(f: Tensor, y: Tensor) -> Tensor:
        return ((f - y) ** 4).sum(1).mean()

    own = jaccheck.gradients(model, X, SHARES, loss)
    for n in range(6):
        alone = torch.autograd.grad(((model(X[n]) - SHARES[n]) ** 4).sum(), list(model.parameters()))
        assert all(torch.allclose(own[name][n], g, atol=1e-5) for name, g in zip(own, alone, strict=True))
    shares = jaccheck.gradients(model, X, SHARES, loss, returns="share")
    total = torch.autograd.grad(loss(model(X), SHARES), list(model.parameters()))
    assert all(torch.allclose(shares[n].sum(0), g, atol=1e-5) for n, g in zip(shares, total, strict=True))


def test_a_mean_over_samples_of_sums_over_outputs_divides_by_samples() -> None:
    """KLDivLoss calls that "batchmean"; own gradients are those of any reduction."""
    case, X = MEANS["kl"], batch()
    model, loss = case.model(), nn.KLDivLoss(reduction="batchmean")
    own = own_gradients(case, model, X)
    assert _is_close(jaccheck.gradients(model, X, case.y, loss), own)
    shares = jaccheck.gradients(model, X, case.y, loss, returns="share")
    assert _is_close(shares, {n: g / 6 for n, g in own.items()})
    assert _is_close({n: s.sum(0) for n, s in shares.items()}, reduced_gradients(loss, case.y, model, X))
    report = jaccheck.check(model, X, targets=case.y, loss=loss, methods=["loss_vmap_grad", "loss_expanded_weights"])
    assert [answer.outcome for answer in report.answers] == [Outcome.CONSISTENT] * 2
    assert report.loss == "KLDivLoss, mean, which divides by 6"


def test_a_function_is_told_by_its_name() -> None:
    """A lambda has none."""
    model, X = network(), batch()

    def focal(f: Tensor, y: Tensor) -> Tensor:
        each = nn.functional.cross_entropy(f, y, reduction="none")
        return ((1 - (-each).exp()) * each).mean()

    for loss, name in ((focal, "focal"), (lambda f, y: focal(f, y), "lambda")):
        report = jaccheck.check(model, X, targets=CLASSES, loss=loss, methods=["autograd_loop"])
        assert report.loss == f"{name}, mean, which divides by 6"


def test_functions_of_torch_are_its_losses() -> None:
    """`functional.mse_loss` with its options is MSELoss with these: own gradients do not depend on the reduction."""
    model, X = network(), batch()
    by_function = jaccheck.gradients(model, X, SHARES, nn.functional.mse_loss)
    partial = functools.partial(nn.functional.cross_entropy, weight=WEIGHTS, reduction="sum")
    assert _is_close(by_function, own_gradients(MEANS["mse"], model, X))
    assert _is_close(jaccheck.gradients(model, X, CLASSES, partial), own_gradients(MEANS["class weights"], model, X))


def test_outputs_with_places_are_one_loss_a_sample() -> None:
    """As in segmentation: each sample's own loss is the sum over its places, and a mean divides by all places."""
    torch.manual_seed(0)
    model, X = nn.Sequential(nn.Conv1d(2, 3, 2)).eval(), torch.randn(4, 2, 5)
    y = torch.tensor([[0, 1, 2, -100], [1, 1, 1, 1], [-100, -100, 2, 0], [2, 2, 0, 1]])
    loss = nn.CrossEntropyLoss(weight=WEIGHTS)
    own = jaccheck.gradients(model, X, y, loss)
    shares = jaccheck.gradients(model, X, y, loss, returns="share")
    double = nn.Sequential(nn.Conv1d(2, 3, 2)).double()
    double.load_state_dict(model.state_dict())
    for n in range(4):
        logs = double(X[n : n + 1].double()).log_softmax(1)[0]
        value = -sum(WEIGHTS[c].double() * logs[c, i] for i, c in enumerate(y[n].tolist()) if c >= 0)
        gradient = torch.autograd.grad(value, double[0].weight)[0]
        assert torch.allclose(own["0.weight"][n].double(), gradient, atol=1e-5)
    total = torch.autograd.grad(loss(model(X), y), model[0].weight)[0]
    assert torch.allclose(shares["0.weight"].sum(0), total, atol=1e-5)


def test_model_and_loss_stay_as_they_are() -> None:
    """Neither gets gradients, buffers or hooks."""
    model, X, loss = network(), batch(), nn.CrossEntropyLoss(weight=WEIGHTS.clone())
    before = {name: (id(p), p.detach().clone()) for name, p in model.named_parameters()}
    jaccheck.check(model, X, targets=CLASSES, loss=loss, methods=["loss_batch_grad", "autograd_loop"])
    assert loss.weight is not None
    assert loss.weight.dtype is torch.float32
    assert loss.reduction == "mean"
    for name, p in model.named_parameters():
        assert before[name][0] == id(p)
        assert torch.equal(before[name][1], p)
        assert p.grad is None
    assert not re.search("hook", str([m for m in model.modules() if m._forward_hooks]))


@pytest.mark.parametrize("kind", MEANS)
def test_a_loss_of_a_chain_is_compared_with_a_proven_bound(kind: str) -> None:
    """Unless a layer or the loss has none: gradients by the test itself are within it, and twice as much is not."""
    case, X = MEANS[kind], batch()
    model = case.model()
    own = own_gradients(case, model, X)

    def by_hand(problem: Problem) -> dict[str, Tensor]:
        return {f"model.{n}": g[:, None].to(problem.X.device, next(model.parameters()).dtype) for n, g in own.items()}

    def twice(problem: Problem) -> dict[str, Tensor]:
        return {n: 2 * g for n, g in by_hand(problem).items()}

    methods = [jaccheck.Method(name=f.__name__, family="test", compute=f, summary="") for f in (by_hand, twice)]
    report = jaccheck.check(model, X, targets=case.y, loss=case.loss, methods=methods)
    has_bound = kind not in ("nll", "bce", "kl")
    assert (report.reference == "closed form") is has_bound
    assert report.answer("by_hand").outcome is (Outcome.AGREES if has_bound else Outcome.CONSISTENT)
    assert report.answer("twice").outcome is Outcome.DISAGREES


def test_losses_without_a_bound_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative weights, or a loss that is called otherwise, have no closed form here."""
    model, X = network(), batch()
    negative = nn.CrossEntropyLoss(weight=-WEIGHTS)
    hooked = nn.CrossEntropyLoss()
    hooked.register_forward_hook(lambda module, args, out: out * 2)
    for loss, told in ((negative, "weights that are negative"), (hooked, "with hooks")):
        report = jaccheck.check(model, X, targets=CLASSES, loss=loss, methods=["autograd_loop"])
        assert report.reference != "closed form"
        assert told in report.judged_by


class Headed(nn.Module):
    """Two inputs along the second axis, and two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.class_head, self.size_head = nn.Linear(4, 5), nn.Linear(5, 3), nn.Linear(5, 2)

    def forward(self, x: Tensor, scale: Tensor) -> dict[str, Tensor]:
        h = torch.tanh(self.body(x.mT) * scale.mT)
        return {"class": self.class_head(h), "size": self.size_head(h)}


def test_gradients_of_one_output_by_some_parameters_along_another_axis() -> None:
    """Inputs, output and parameters are chosen as for Jacobians; what is asserted, too."""
    torch.manual_seed(0)
    model, X, y, loss = Headed(), (torch.randn(4, 6), torch.randn(1, 6)), torch.arange(6) % 3, nn.CrossEntropyLoss()
    chosen = {"output": "class", "parameters": ("body.weight", "class_*.weight"), "batch_axis": 1}
    found = jaccheck.gradients(model, X, y, loss, **chosen)  # type: ignore[arg-type]
    assert list(found) == ["body.weight", "class_head.weight"]
    θ = [model.get_parameter(name) for name in found]
    f = model(*X)["class"]
    rows = [torch.autograd.grad(nn.functional.cross_entropy(f[n], y[n]), θ, retain_graph=True) for n in range(6)]
    expected = {name: torch.stack(column) for name, column in zip(found, zip(*rows, strict=True), strict=True)}
    assert _is_close(found, expected)
    jaccheck.assert_gradients_right(expected, model, X, y, loss, returns="own", **chosen)  # type: ignore[arg-type]
    wrong = expected | {"class_head.weight": expected["class_head.weight"].flip(0)}
    with pytest.raises(AssertionError, match="class_head"):
        jaccheck.assert_gradients_right(wrong, model, X, y, loss, returns="own", **chosen)  # type: ignore[arg-type]
