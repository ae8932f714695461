"""Cases without a bound rule: right methods are consistent, wrong ones are caught, and nothing is called proven."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from jaccheck.case import (
    Case,
    Flatten,
    GroupNorm,
    Layer,
    LayerNorm,
    Linear,
    Normal,
    Recurrent,
    SelfAttention,
    Softmax,
    boundary_cases,
)
from jaccheck.errors import NotComputed
from jaccheck.judging import REPEATED, CaseReference, judge
from jaccheck.judging.judgement import NOT_PROVEN
from jaccheck.judging.laws.agreement import AGREEMENT
from jaccheck.methods import Jacobians, Method, Problem, build, calm_torch, find_method
from jaccheck.reports import Outcome

LAYERS: dict[str, tuple[tuple[int, ...], tuple[Layer, ...]]] = {
    "LSTM": ((2, 2), (Recurrent(cell="LSTM", hidden_size=2), Flatten())),
    "attention": ((2, 2), (SelfAttention(), Flatten())),
    "LayerNorm": ((3,), (Linear(out_features=3), LayerNorm())),
    "GroupNorm": ((4, 2), (GroupNorm(num_groups=2), Flatten())),
    "Softmax": ((3,), (Linear(out_features=3), Softmax())),
}


def case_of(name: str, dtype: str = "float32") -> Case:
    shape, layers = LAYERS[name]
    return Case(
        layers=(*layers, Linear(out_features=2)),
        in_shape=shape,
        batch_size=2,
        dtype=dtype,  # type: ignore[arg-type]
        recipe=Normal(),
        seed=3,
    )


def wrong_by(factor: float) -> Method:
    """Autograd's Jacobians, the largest entry of one parameter off by a factor."""

    def compute(problem: Problem) -> Jacobians:
        J = right.compute(problem)
        entries = next(iter(J.values())).view(-1)
        entries[entries.abs().argmax()] *= factor
        return J

    right = find_method("autograd_loop")
    return replace(right, compute=compute, name="wrong")


@pytest.mark.parametrize("name", LAYERS)
def test_a_right_method_is_consistent_and_no_more(name: str) -> None:
    """Under all laws it is CONSISTENT, which is said to be no proof; so is its forward mode, where there is one."""
    for dtype in ("float64", "float32"):
        verdict = judge(case_of(name, dtype), find_method("autograd_loop"), laws=REPEATED)
        assert (verdict.outcome, verdict.message, verdict.failures) == (Outcome.CONSISTENT, NOT_PROVEN, ())
        assert {(c.reference, c.mode) for c in verdict.comparisons} == {("float64 autograd", "estimate")}


@pytest.mark.parametrize("name", LAYERS)
def test_a_wrong_value_is_caught(name: str) -> None:
    """One entry that is off by a hundredth, in either dtype; in float64 also one that is off by 10⁻⁹."""
    for dtype, factor in (("float32", 1.01), ("float64", 1.01), ("float64", 1 + 1e-9)):
        with calm_torch():
            verdict = judge(case_of(name, dtype), wrong_by(factor), laws=(AGREEMENT,))
        assert verdict.outcome is Outcome.DISAGREES, (dtype, factor)
        assert "says float64 autograd" in verdict.message


def test_what_rounding_may_do_is_not_called_wrong() -> None:
    """An entry that is off by a few roundings passes, as it would with a bound."""
    with calm_torch():
        verdict = judge(case_of("LSTM"), wrong_by(1 + 2.0**-22), laws=(AGREEMENT,))
    assert verdict.outcome is Outcome.CONSISTENT


def test_a_network_with_rules_has_a_closed_form_as_before() -> None:
    """The estimate is for what has no rule, and for nothing else."""
    assert CaseReference(boundary_cases("generic", "float32")[0], "cpu").source == "closed form"
    reference = CaseReference(case_of("LayerNorm"), "cpu")
    assert reference.source == "float64 autograd"
    assert reference.network is None
    assert reference.plain is None
    assert np.isfinite(reference.autograd_bound).all()


@pytest.mark.parametrize("family", ["recurrent", "boundary"])
def test_the_network_is_that_of_the_case(family: str) -> None:
    """Its parameters have the names, order and shapes that the case foretells, and it gives `[N, C]`."""
    for case in boundary_cases(family, "float64"):
        problem = build(case)
        assert {name: tuple(p.shape) for name, p in problem.model.named_parameters()} == case.parameter_shapes()
        assert list(dict(problem.model.named_parameters())) == list(case.parameter_shapes())
        assert problem.model(problem.X).shape == (case.batch_size, case.outputs)


def test_what_torch_refuses_is_not_computed() -> None:
    """A GroupNorm of one number for each sample, which torch takes for a mistake, ends no run."""
    case = Case(layers=(Linear(out_features=3), GroupNorm(num_groups=3)), in_shape=(2,), batch_size=2)
    with pytest.raises(NotComputed, match="Expected more than 1 value"):
        CaseReference(case, "cpu")
