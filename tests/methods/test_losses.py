"""Jacobians read from the root of a loss's Hessian: a wrong root is caught, and saturated ones are undecided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import sqrt
from typing import Any

import numpy as np
import pytest
import torch
from backpack.core.derivatives.bcewithlogitsloss import BCELossWithLogitsDerivatives
from backpack.core.derivatives.crossentropyloss import CrossEntropyLossDerivatives
from torch import Tensor

from jaccheck.case import Case, Integers, Linear, Normal, ReLU, ScaleLayer, Tanh
from jaccheck.judging import CaseReference, judge
from jaccheck.judging.laws.agreement import AGREEMENT
from jaccheck.methods import calm_torch, find_method
from jaccheck.reports import Outcome

BCE, CROSS_ENTROPY = "sqrt_ggn_bce", "sqrt_ggn_cross_entropy"


def case_of(outputs: int, dtype: str = "float32", *, recipe: Normal | Integers = Normal()) -> Case:  # noqa: B008
    layers = (Linear(out_features=3), Tanh(), Linear(out_features=outputs))
    return Case(layers=layers, in_shape=(4,), batch_size=5, dtype=dtype, recipe=recipe, seed=3)  # type: ignore[arg-type]


def outcome(case: Case, name: str) -> Outcome:
    with calm_torch():
        return judge(case, find_method(name), laws=(AGREEMENT,)).outcome


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "outputs"), [(BCE, 1), (CROSS_ENTROPY, 1), (CROSS_ENTROPY, 4)])
def test_a_right_root_agrees(name: str, outputs: int, dtype: str) -> None:
    """And its bound is within a few dozen roundings of the largest entry: it is no excuse."""
    case = case_of(outputs, dtype)
    assert outcome(case, name) is Outcome.AGREES
    reference = CaseReference(case, "cpu")
    bound = reference.expectation(find_method(name)).bound
    assert np.median(bound) < 300 * float(torch.finfo(getattr(torch, dtype)).eps) * np.max(np.abs(reference.jacobian))


def _bce(root: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    def wrong(self: Any, module: Any, g_inp: Any, g_out: Any, subsampling: Any = None) -> Tensor:
        return root(module.input0.unsqueeze(0))

    return wrong


def _cross_entropy(root: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    def wrong(self: Any, module: Any, g_inp: Any, g_out: Any, subsampling: Any = None) -> Tensor:
        return root(module.input0)

    return wrong


def right_bce(f: Tensor) -> Tensor:
    p = f.sigmoid()
    return (p * (1 - p)).sqrt()


def right_cross_entropy(f: Tensor, *, off: float = 0.0) -> Tensor:
    p = f.softmax(1) * (1 + off)
    τ = p.sqrt()
    unit = torch.diag_embed(torch.ones_like(p), dim1=0, dim2=2)
    return torch.einsum("nc,vnc->vnc", τ, unit - torch.einsum("nv,nc->vnc", τ, τ))


def another_mean(f: Tensor) -> Tensor:
    """diag(√p) − q √pᵀ, q the probabilities of twice the logits."""
    τ, q = f.softmax(1).sqrt(), (2 * f).softmax(1)
    return torch.diag_embed(τ, dim1=0, dim2=2) - torch.einsum("nv,nc->vnc", τ, q)


WRONG_BCE: dict[str, Callable[[Tensor], Tensor]] = {
    "no root": lambda f: f.sigmoid() * (1 - f.sigmoid()),
    "of p alone": lambda f: f.sigmoid().sqrt(),
    "at logit zero": lambda f: right_bce(0 * f),
    "of another sample": lambda f: right_bce(f.roll(1, 1)),
    "off by 0.01 %": lambda f: right_bce(f) * 1.0001,
    "twice": lambda f: right_bce(f) * sqrt(2),
}
WRONG_CROSS_ENTROPY: dict[str, Callable[[Tensor], Tensor]] = {
    "transposed": lambda f: right_cross_entropy(f).transpose(0, 2),
    "diagonal alone": lambda f: torch.diag_embed(f.softmax(1).sqrt(), dim1=0, dim2=2),
    "of another sample": lambda f: right_cross_entropy(f.roll(1, 0)),
    "another p in the second term": lambda f: another_mean(f),
    "sign": lambda f: -right_cross_entropy(f),
    "off by 0.01 %": lambda f: right_cross_entropy(f) * 1.0001,
}


@pytest.mark.parametrize("fault", WRONG_BCE)
def test_a_wrong_root_of_bce_is_caught(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put into BackPACK in place of its own."""
    case = case_of(1)
    monkeypatch.setattr(BCELossWithLogitsDerivatives, "_sqrt_hessian", _bce(right_bce))
    assert outcome(case, BCE) is Outcome.AGREES
    monkeypatch.setattr(BCELossWithLogitsDerivatives, "_sqrt_hessian", _bce(WRONG_BCE[fault]))
    assert outcome(case, BCE) is Outcome.DISAGREES


@pytest.mark.parametrize("fault", WRONG_CROSS_ENTROPY)
def test_a_wrong_root_of_cross_entropy_is_caught(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same, where the root is a matrix."""
    case = case_of(3)
    monkeypatch.setattr(CrossEntropyLossDerivatives, "_sqrt_hessian", _cross_entropy(right_cross_entropy))
    assert outcome(case, CROSS_ENTROPY) is Outcome.AGREES
    monkeypatch.setattr(CrossEntropyLossDerivatives, "_sqrt_hessian", _cross_entropy(WRONG_CROSS_ENTROPY[fault]))
    assert outcome(case, CROSS_ENTROPY) is Outcome.DISAGREES


@pytest.mark.parametrize("ulps", [-8, 8])
def test_probabilities_that_are_off_as_far_as_assumed_agree(ulps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """exp may be off by four units in the last place, eight roundings: the root then is as well, within the bound."""
    off = ulps * 2.0**-24

    def sigmoid(f: Tensor) -> Tensor:
        p = f.sigmoid() * (1 + off)
        return (p * (1 - p)).sqrt()

    root = _cross_entropy(lambda f: right_cross_entropy(f, off=off))
    monkeypatch.setattr(BCELossWithLogitsDerivatives, "_sqrt_hessian", _bce(sigmoid))
    monkeypatch.setattr(CrossEntropyLossDerivatives, "_sqrt_hessian", root)
    for seed in range(5):
        assert outcome(replace(case_of(1), seed=seed), BCE) is Outcome.AGREES
        assert outcome(replace(case_of(4), seed=seed), CROSS_ENTROPY) is Outcome.AGREES


@pytest.mark.parametrize(("name", "outputs"), [(BCE, 1), (CROSS_ENTROPY, 3)])
def test_saturated_probabilities_are_undecided(name: str, outputs: int) -> None:
    """With outputs of some hundreds p is 0 or 1, S is 0, and nothing can be read: neither right nor wrong."""
    layers = (Linear(out_features=3), ReLU(), Linear(out_features=outputs))
    case = Case(
        layers=layers, in_shape=(4,), batch_size=3, dtype="float32", modifications=(ScaleLayer(layer=1, exponent=12),)
    )
    assert outcome(case, name) is Outcome.UNDECIDED


def test_bce_takes_one_output() -> None:
    """BackPACK's own restriction, said beforehand."""
    reason = find_method(BCE).refuses(CaseReference(case_of(3), "cpu").problem())
    assert reason == "BackPACK's BCEWithLogitsLoss takes one output, not 3"
