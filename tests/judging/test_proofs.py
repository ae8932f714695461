"""Models with a forward of their own are proven: Jacobians of graphs are right, and no result exceeds their bounds."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from jaccheck_support.graph_models import GRAPH_MODELS, graph_model
from torch import nn

from jaccheck.judging import Part, Proof, graphs_of
from jaccheck.methods import Problem, find_method
from jaccheck.oracle import GRAPH_RULES, ClosedForm, NoRule, Order

DTYPES = ("float64", "float32")
MODELS = tuple(GRAPH_MODELS)


def problem(name: str, dtype: str = "float64", seed: int = 0) -> Problem:
    model, X = graph_model(name, seed)
    model = model.to(getattr(torch, dtype))
    X = X.to(getattr(torch, dtype)) if X.is_floating_point() else X
    return Problem(model, X, model(X[:1]).numel())


def whole(given: Problem) -> Part:
    return Part(range(given.N), range(given.C))


def proof(given: Problem) -> Proof:
    return Proof(given, whole(given), 2**28)


def by_autograd(given: Problem) -> np.ndarray:
    """One sample and output at a time, flat, parameter after parameter."""
    parameters = list(given.parameters.values())
    found: list[list[torch.Tensor]] = [[] for _ in parameters]
    for n in range(given.N):
        f = given.model(given.X[n : n + 1]).flatten()
        for c in range(given.C):
            gradients = torch.autograd.grad(f[c], parameters, retain_graph=True, allow_unused=True)
            for rows, p, gradient in zip(found, parameters, gradients, strict=True):
                rows.append(torch.zeros_like(p) if gradient is None else gradient)
    return np.concatenate([torch.stack(rows).double().numpy().ravel() for rows in found])


def by_forward_mode(given: Problem) -> np.ndarray:
    """`jacfwd`, which carries a tangent for every number of a parameter."""

    def f(parameters: dict[str, torch.Tensor]) -> torch.Tensor:
        return torch.func.functional_call(given.model, parameters, (given.X,)).flatten(1)

    detached = {name: p.detach() for name, p in given.model.named_parameters()}
    return np.concatenate([J.double().numpy().ravel() for J in torch.func.jacfwd(f)(detached).values()])


def exceeds(result: np.ndarray, form: ClosedForm) -> int:
    return int(np.count_nonzero(~((np.abs(result - form.jacobian) <= form.bound) | np.isinf(form.bound))))


@pytest.mark.parametrize("name", MODELS)
def test_autograd_is_within_the_bounds_in_both_dtypes(name: str) -> None:
    """And in float64 the bounds are below a millionth of each parameter's largest entry: that is a proof."""
    for dtype in DTYPES if name != "LSTM" else DTYPES[:1]:  # in float32 oneDNN has a kernel for the whole layer
        given = problem(name, dtype)
        form = proof(given).form(Order.REVERSE)
        assert exceeds(by_autograd(given), form) == 0
        if dtype == "float64":
            for part in given.layout.offsets().values():
                assert np.all(
                    form.bound[part] <= 2**-20 * max(np.max(np.abs(form.jacobian[part]), initial=0.0), 1e-6)
                ), name


@pytest.mark.parametrize("name", ["residual", "ResNet block", "attention by hand", "MLP-Mixer"])
def test_forward_mode_is_within_its_own_bounds(name: str) -> None:
    """In float32. (It does not know `torch.no_grad`, nor all functions here.)"""
    given = problem(name, "float32")
    assert exceeds(by_forward_mode(given), proof(given).form(Order.ANY)) == 0


@cache
def rules_of(name: str) -> set[str]:
    given = problem(name)
    return {node.rule for sample in graphs_of(given, whole(given)) for node in sample.graph.nodes}


def test_where_nothing_is_proven_of_reverse_mode_no_method_is_held_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the answer would say that no bound is proven, and that forward mode is within its bound."""
    found = proof(problem("residual"))
    forward_mode = find_method("func_jacfwd")
    assert found.expectation(forward_mode, (2, 3)) is not None
    reverse, is_narrow = found.form(Order.REVERSE), Proof.is_narrow
    monkeypatch.setattr(Proof, "is_narrow", lambda self, form: form is not reverse and is_narrow(self, form))
    assert found.expectation(forward_mode, (2, 3)) is None


@pytest.mark.parametrize("rule", sorted({*GRAPH_RULES} - {"same", "round", "decided", "stop", "neg", "sub"}))
def test_a_derivative_that_is_wrong_by_a_millionth_is_found(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every rule, on some model: the check with autograd sees it."""
    kind = type(GRAPH_RULES[rule])
    right = kind.backward

    def wrong(self, node, saved, flow, ar, often):  # type: ignore[no-untyped-def]
        shares = right(self, node, saved, flow, ar, often)
        return [replace(share, g=share.g * (1 + 1e-6)) for share in shares] if node.rule == rule else shares

    monkeypatch.setattr(kind, "backward", wrong)
    for name in MODELS:
        if rule in rules_of(name):
            with pytest.raises(NoRule, match="derivative by autograd"):
                proof(problem(name))
            return
    raise AssertionError("a rule that no model has")


class Own(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):  # type: ignore[no-untyped-def]
        return x.exp()

    @staticmethod
    def backward(ctx, g):  # type: ignore[no-untyped-def]
        return g


class Plain(nn.Module):
    def __init__(self, step) -> None:  # type: ignore[no-untyped-def]
        super().__init__()
        self.a, self.step = nn.Linear(3, 4), step

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.step(self.a(X))


def hooked(h: torch.Tensor) -> torch.Tensor:
    h = h * 2
    if h.requires_grad:
        h.register_hook(lambda g: g * 3)
    return h


def clamped(h: torch.Tensor) -> torch.Tensor:
    """As torch's gaussian_nll_loss does it: what is written in place, gradients pass as if it were not there."""
    h = h.clone()
    with torch.no_grad():
        h.clamp_(min=-10)
    return h


REFUSED = {
    "a function with a backward of its own": Own.apply,
    "a number taken out": lambda h: h * float(h.abs().max()),
    "a choice by numbers": lambda h: h[:, h[0].argsort()],
    "through numpy": lambda h: h + torch.from_numpy(h.detach().numpy()),
    "random numbers": lambda h: h * torch.rand_like(h),
    "a hook": hooked,
    "a whole number that rounding may turn": lambda h: h + (h / h).long(),
    "an operation without a rule": torch.erfinv,
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_followed_is_refused(name: str) -> None:
    """Nothing is proven of it."""
    torch.manual_seed(0)
    with pytest.raises(NoRule):
        proof(Problem(Plain(REFUSED[name]).double(), torch.randn(2, 3).double() / 9, 4))


def test_a_write_that_gradients_pass_is_not_called_a_wrong_derivative() -> None:
    """Autograd is right here, as far as the write changes nothing."""
    given = Problem(Plain(clamped).double(), torch.randn(2, 3).double(), 4)
    with pytest.raises(NoRule, match=r"a write in place under torch\.no_grad"):
        proof(given)


def test_a_comparison_that_rounding_cannot_turn_is_followed() -> None:
    """A condition on computed numbers holds for every evaluation if they are far enough apart."""
    torch.manual_seed(0)
    given = Problem(Plain(lambda h: torch.where(h > 0, h, 0.1 * h)).double(), torch.randn(2, 3).double(), 4)
    assert exceeds(by_autograd(given), proof(given).form(Order.REVERSE)) == 0
