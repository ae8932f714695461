"""The loss of a case: what is valid, what is simpler, and the targets and weights that are drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

import jaccheck.case
from jaccheck.case import Case, CaseLoss, Linear, boundary_cases, cases, complexity, sample
from jaccheck.case.losses import simpler_losses
from jaccheck.case.shrinking import reductions
from jaccheck.core import from_json, to_json
from jaccheck.errors import InvalidCase

NET = Case(layers=(Linear(out_features=3),), in_shape=(2,), batch_size=4)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "MSELoss", "has_weights": True},
        {"kind": "NLLLoss", "label_smoothing": 0.1},
        {"kind": "BCEWithLogitsLoss", "is_ignored": True},
        {"kind": "CrossEntropyLoss", "has_shares": True, "is_ignored": True},
        {"kind": "CrossEntropyLoss", "ignore_index": -7},
    ],
)
def test_options_that_a_loss_does_not_have_are_refused(wrong: dict[str, object]) -> None:
    """Each by a message that names the loss."""
    with pytest.raises(InvalidCase, match="loss: "):
        CaseLoss(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"input_form": "strided"},
        {"input_requires_grad": True},
        {"loss": CaseLoss(kind="NLLLoss", is_ignored=True, ignore_index=3)},
        {"loss": CaseLoss(kind="NLLLoss", is_ignored=True), "layers": (Linear(out_features=1),)},
    ],
)
def test_a_case_that_its_loss_does_not_fit_is_refused(changes: dict[str, object]) -> None:
    """Row numbers are contiguous and have no gradient; a class that is ignored must be one."""
    with pytest.raises(InvalidCase, match="loss: "):
        replace(NET, **{"loss": CaseLoss(), **changes})  # type: ignore[arg-type]


@given(cases("losses"))
@settings(max_examples=60)
def test_drawn_losses_have_targets_that_they_can_take(case: Case) -> None:
    """Classes are below the number of outputs or ignored, the first is never ignored, shares add up to one."""
    assert case.loss is not None
    y = sample(case).targets
    assert y is not None
    assert len(y) == case.batch_size
    assert (case.outputs, case.loss.has_numbers) == (1, y.ndim == 2)
    if case.loss.has_classes and not case.loss.has_shares:
        assert all(0 <= c < case.width or c == case.loss.ignore_index for c in y)
        assert not case.loss.is_ignored or y[0] != case.loss.ignore_index
    if case.loss.has_shares:
        assert np.allclose(y.sum(axis=1), 1)
    assert from_json(Case, to_json(case), where="it") == case
    assert eval(repr(case), {name: getattr(jaccheck.case, name) for name in jaccheck.case.__all__}) == case


def test_every_option_and_reduction_is_drawn_and_shrinks_to_none() -> None:
    """What is simpler has less size, and ends in no loss; a case with a loss is more complex than without."""
    for case in boundary_cases("losses", "float32"):
        assert case.loss is not None
        loss: CaseLoss | None = case.loss
        assert complexity(replace(case, loss=None)) < complexity(case)
        assert any(smaller.loss is None for smaller in reductions(case))
        while loss is not None:
            simpler = simpler_losses(loss)
            assert all(each is None or each.size < loss.size for each in simpler)
            loss = simpler[-1]
    losses = {case.loss for case in boundary_cases("losses", "float32")}
    assert {loss.kind for loss in losses if loss} == {"MSELoss", "NLLLoss", "CrossEntropyLoss", "BCEWithLogitsLoss"}
