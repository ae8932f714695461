"""The bound for central differences: the method as it runs, rounding and all, is within it, and it is not idle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from jaccheck.case import Case, Linear, Normal, ReLU, ScaleLayer, Tanh, boundary_cases, cases
from jaccheck.case.families.registry import BY_NAME
from jaccheck.judging import CaseReference, flattened
from jaccheck.methods import build, find_method
from jaccheck.oracle import differences

CENTRAL = find_method("central_differences")
FEW = 60
"""Parameters of a case, so that a run of this file stays short."""


def errors_and_bounds(case: Case) -> tuple[np.ndarray, np.ndarray]:
    reference = CaseReference(case, "cpu")
    found = flattened(CENTRAL.compute(reference.problem()))
    return np.abs(found - reference.jacobian), reference.expectation(CENTRAL).bound


def is_small(case: Case) -> bool:
    return (
        BY_NAME[case.family].has_rules
        and CENTRAL.refuses(build(case)) is None
        and case.entries() <= FEW * case.batch_size * case.outputs
    )


@settings(max_examples=80)
@given(cases(dtypes=("float64",)).filter(is_small))
def test_central_differences_are_within_their_bound(case: Case) -> None:
    """For every family, at kinks and with scaled weights, where the bound is not infinite."""
    error, bound = errors_and_bounds(case)
    assert np.all((error <= bound) | np.isinf(bound))


@pytest.mark.parametrize("case", boundary_cases("smooth", "float64"))
def test_the_bound_of_a_smooth_network_is_near_what_rounding_allows(case: Case) -> None:
    """Rounding alone allows u/h, about 1e-11, for f of size 1; the bound is within 400 times that."""
    error, bound = errors_and_bounds(case)
    assert np.all(error <= bound)
    assert np.all(bound <= 400 * 1e-11 * max(1, np.max(CaseReference(case, "cpu").jacobian)))


def test_a_linear_network_has_no_truncation() -> None:
    """Where nothing is curved, the bound is that of rounding."""
    layers = (Linear(out_features=3), ReLU(), Linear(out_features=2))
    error, bound = errors_and_bounds(Case(layers=layers, in_shape=(4,), batch_size=5, recipe=Normal()))
    assert np.all(error <= bound)
    assert np.all(bound <= 1e-8)


def test_a_step_that_is_lost_in_a_large_weight_is_undecided() -> None:
    """A weight of 2^60 does not move by 2^-17: the quotient is 0/0, and nothing is claimed of it."""
    layers = (Linear(out_features=3), Tanh(), Linear(out_features=2))
    case = Case(layers=layers, in_shape=(2,), batch_size=3, modifications=(ScaleLayer(layer=1, exponent=60),))
    reference = CaseReference(case, "cpu")
    bound = reference.expectation(CENTRAL).bound[reference.layout.offsets()["2.weight"]]
    assert np.isinf(bound).any()
    assert np.all(np.isinf(bound) == (np.repeat(np.abs(reference.network.steps[2].W.ravel())[None], 6, 0) > 0).ravel())


def test_a_bound_without_the_rounding_of_f_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check above fails if f is taken to be free of rounding at the moved parameters."""
    case = boundary_cases("smooth", "float64")[0]

    def none(net: object, ahead: object, ar: object, step: float, reach: list[np.ndarray]) -> tuple[np.ndarray, float]:
        return np.zeros((5, 2)), 0.0

    monkeypatch.setattr(differences, "_rounding", none)
    error, bound = errors_and_bounds(case)
    assert not np.all(error <= bound)
