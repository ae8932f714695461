"""Each remedy in the table works: a method that crashed on a model for that reason runs once it is applied."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import torch
from jaccheck_support.remedied import cases_by_func, cases_by_layers
from jaccheck_support.remedied.lookups import POOLED, bag, weighted
from jaccheck_support.remedied.running import crash, told
from jaccheck_support.remedied.written import Made, by_item, written
from packaging.version import Version
from torch import Tensor

import jaccheck
from jaccheck.judging import LAYER_ISSUES, SEQUENCE_ISSUES
from jaccheck.methods import Problem, find_method
from jaccheck.models.remedy_table import REMEDIES
from jaccheck.reports import Outcome

CASES = (*cases_by_func.CASES, *cases_by_layers.CASES)
KNOWN = (*cases_by_func.KNOWN, *cases_by_layers.KNOWN)


@pytest.fixture(autouse=True)
def fast_path() -> Iterator[None]:
    """It is switched off for good by one of the remedies."""
    yield
    torch.backends.mha.set_fastpath_enabled(True)


@pytest.mark.parametrize(("method", "broken", "mended"), CASES)
def test_a_remedy_works(method: str, broken: Callable[[], Made], mended: Callable[[], Made]) -> None:
    """The crash has one, and with it the method runs."""
    message = crash(method, broken())
    if not message and Version(torch.__version__) >= Version("2.14"):
        pytest.skip("this torch runs what 2.13 does not")
    assert told(method, broken(), message), message
    assert crash(method, mended()) == ""


@pytest.mark.parametrize("mode", POOLED)
def test_what_the_remedy_of_a_bag_says_is_the_same(mode: str) -> None:
    """The same outputs, for each of its modes."""
    (model, X), (other, _) = bag(mode, is_bag=True), bag(mode, is_bag=False)
    torch.testing.assert_close(model(X), other(X))
    (model, X), (other, _) = weighted(is_bag=True), weighted(is_bag=False)
    torch.testing.assert_close(model(X), other(X))


@pytest.mark.parametrize(("method", "broken", "issue"), KNOWN)
def test_a_known_issue_is_named(method: str, broken: Callable[[], Made], issue: str) -> None:
    """By the id that `jaccheck known` takes."""
    assert f"`jaccheck known {issue}`" in told(method, broken())
    assert issue in {each.id for each in (*LAYER_ISSUES, *SEQUENCE_ISSUES)}


def test_every_line_of_the_table_is_tested() -> None:
    """Its pattern is that of one of the crashes above, but for what shows on other devices and sizes only."""
    met = [crash(method, broken()) for method, broken, _ in (*CASES, *KNOWN, *cases_by_layers.NOTHING)]
    elsewhere = ["torch-expanded-weights-conv3d-dilation"]
    unmet = [each for each in REMEDIES if not any(re.search(each.pattern, message) for message in met)]
    assert [each.issue or each.advice for each in unmet] == elsewhere


def test_a_remedy_is_in_the_answer_of_a_check() -> None:
    """And none where a method runs, or crashes for another reason."""
    right = find_method("vmap_vjp")

    def other(problem: Problem) -> dict[str, Tensor]:
        raise KeyError("no such layer")

    report = jaccheck.check(
        *written(by_item),
        methods=["vmap_vjp", "autograd_loop", replace(right, name="own", compute=other)],
        seconds=20.0,
    )
    outcomes = [answer.outcome for answer in report.answers]
    assert outcomes == [Outcome.CRASHED, Outcome.CONSISTENT, Outcome.CRASHED]
    assert "torch.where" in report.answers[0].remedy
    assert [answer.remedy for answer in report.answers[1:]] == ["", ""]
