"""What is mostly undecided is not recommended; where all methods are off alike, none of them is called wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from jaccheck.judging import Expectation, Part
from jaccheck.judging.second_look import Looked
from jaccheck.methods import find_method
from jaccheck.models.method_check import MethodCheck
from jaccheck.models.unanimity import FAILED, takes_back
from jaccheck.oracle import Layout
from jaccheck.reports import Outcome

LAYOUT = Layout(N=2, C=1, shapes={"weight": (4,), "bias": (1,)})
RIGHT = np.arange(1.0, 1 + LAYOUT.entries)
EXPECTATION = Expectation(
    source="float64 autograd",
    mode="estimate",
    layout=LAYOUT,
    dtype="float32",
    device="cpu",
    expected=RIGHT,
    bound=np.full(LAYOUT.entries, 0.01),
    undecided=0,
)
WHOLE = Part(range(2), range(1))


def check(actual: np.ndarray, expectation: Expectation = EXPECTATION, name: str = "vmap_vjp") -> MethodCheck:
    """A method that returned this."""
    run = MethodCheck(find_method(name))
    run.own.adds(actual, expectation, WHOLE)
    return run


@pytest.mark.parametrize(("undecided", "outcome"), [(5, Outcome.CONSISTENT), (6, Outcome.UNDECIDED)])
def test_what_is_mostly_undecided_is_not_recommended(undecided: int, outcome: Outcome) -> None:
    """Up to half of the entries may be."""
    answer = check(RIGHT, replace(EXPECTATION, undecided=undecided)).answer(1)
    assert answer.outcome is outcome
    assert answer.is_usable == (outcome is Outcome.CONSISTENT)


def test_nan_in_both_is_counted() -> None:
    """With the parameter that it is in."""
    expected = RIGHT.copy()
    expected[-1] = np.nan
    answer = check(expected, replace(EXPECTATION, expected=expected)).answer(1)
    assert (answer.nan_entries, answer.nan_parameters) == (1, ("bias",))


def test_what_lies_between_is_undecided() -> None:
    """Further off than rounding usually leads, in a row of which a second look could say nothing: not consistent."""
    off = RIGHT.copy()
    off[3] += 1

    def look(actual: np.ndarray, limit: np.ndarray, outside: np.ndarray) -> Looked:
        return Looked(wrong=np.full_like(limit, np.inf), undecided=int(outside.sum()), is_wrong=False)

    answer = check(off, replace(EXPECTATION, look=look)).answer(1)
    assert answer.outcome is Outcome.UNDECIDED
    assert "1 of 10 entries" in answer.message
    assert check(RIGHT, replace(EXPECTATION, look=look)).answer(1).outcome is Outcome.CONSISTENT


NAMES = ("autograd_loop", "vmap_vjp", "hooks")


def test_where_all_are_off_alike_it_is_the_estimate_that_failed() -> None:
    """Three methods with the same wrong numbers; where one is right, or they differ, they are wrong."""
    off, other = RIGHT.copy(), RIGHT.copy()
    off[3] += 1
    other[3] += 2
    alike = [check(off, name=name) for name in NAMES]
    assert takes_back(alike) == (FAILED,)
    assert {run.outcome for run in alike} == {Outcome.UNDECIDED}
    for last in (RIGHT, other):
        runs = [check(values, name=name) for values, name in zip((off, off, last), NAMES, strict=True)]
        assert takes_back(runs) == ()
        assert runs[0].outcome is Outcome.DISAGREES
    assert takes_back([check(off, name="autograd_loop")]) == ()


def test_methods_that_share_a_fault_are_wrong() -> None:
    """Those of one package may be off alike; torch's own loop is not among them."""
    off = RIGHT.copy()
    off[3] += 1
    runs = [check(off, name=name) for name in ("batch_grad_loop", "batch_grad_repeated", "sqrt_ggn_sum")]
    assert takes_back(runs) == ()
    assert {run.outcome for run in runs} == {Outcome.DISAGREES}
