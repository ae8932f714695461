"""The identities hold of right methods and fail on wrong ones, also where every reference is wrong in the same way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jaccheck.case import (
    AvgPool,
    BatchNorm,
    Case,
    Convolution,
    Embedding,
    Flatten,
    Integers,
    LeakyReLU,
    Linear,
    MaxPool,
    Normal,
    ScaleLayer,
    Tanh,
    boundary_cases,
)
from jaccheck.judging import LAWS, CaseReference, Law, flattened, judge
from jaccheck.judging.laws import identities
from jaccheck.judging.laws.agreement import AGREEMENT
from jaccheck.judging.laws.identities import HOMOGENEITY, SUM_OVER_SAMPLES
from jaccheck.methods import calm_torch, find_method
from jaccheck.reports import Outcome
from jaccheck.selftest import catalogue

IDENTITIES: tuple[Law, ...] = (SUM_OVER_SAMPLES, HOMOGENEITY)
NET = Case(
    layers=(
        Convolution(axes=1, out_channels=2, kernel_size=2),
        LeakyReLU(negative_slope=0.5),
        MaxPool(axes=1, kernel_size=2),
        Flatten(),
        Linear(out_features=3),
    ),
    in_shape=(1, 5),
    batch_size=3,
    dtype="float32",
    recipe=Integers(magnitude=1, fan_in=2),
    seed=1,
)


def broken_by(name: str, case: Case, laws: tuple[Law, ...] = IDENTITIES) -> set[str]:
    """The laws that a fault of the catalogue, or a method, breaks."""
    method = catalogue()[name].method() if name in catalogue() else find_method(name)
    with calm_torch():
        return {failure.law for failure in judge(case, method, laws=laws).failures}


@pytest.mark.parametrize("name", ["autograd_loop", "sqrt_ggn_sum", "vmap_jacfwd", "hooks"])
def test_right_methods_keep_them(name: str) -> None:
    """In a convolution network and in perceptrons, exact or scaled by √2."""
    assert broken_by(name, NET) == set()
    for dtype in ("float64", "bfloat16"):
        for case in boundary_cases("generic", dtype):
            assert broken_by(name, case) == set()


def test_where_nothing_is_known_nothing_is_claimed() -> None:
    """A step of differences is lost in a weight of 2⁵⁵: NaN within an infinite bound breaks no identity."""
    layers = (Linear(out_features=1, bias=False), Linear(out_features=1, bias=False))
    huge = (ScaleLayer(layer=1, exponent=55),)
    case = Case(layers=layers, in_shape=(1,), batch_size=1, recipe=Integers(fan_in=1), modifications=huge)
    assert broken_by("central_differences", case) == set()


@pytest.mark.parametrize(
    ("name", "law"),
    [
        ("sign", "sum over samples"),
        ("summed_over_samples", "sum over samples"),
        ("sign", "homogeneity"),
        ("sample_roll", "homogeneity"),
        ("class_swap", "homogeneity"),
        ("first_layer_forgotten", "homogeneity"),
        ("one_wrong_entry", "homogeneity"),
        ("nan_in_last_parameter", "sum over samples"),
        ("nan_in_last_parameter", "homogeneity"),
    ],
)
def test_they_see_what_all_references_have_in_common(name: str, law: str) -> None:
    """Where closed form, autograd and the method are wrong in the same way, agreement is silent and they are not."""
    found = set()
    faulty = catalogue()[name].method()
    with calm_torch():
        for case in boundary_cases("generic", "float32"):
            reference = CaseReference(case, "cpu")
            wrong = flattened(faulty.compute(reference.problem()))
            reference.jacobian = reference._basis.jacobian = reference.autograd = wrong
            verdict = judge(case, faulty, reference=reference, laws=(AGREEMENT, *IDENTITIES))
            assert all(failure.outcome is Outcome.DISAGREES for failure in verdict.failures)
            found |= {failure.law for failure in verdict.failures}
    assert law in found
    assert "agreement" not in found


def test_what_disagrees_is_told_once() -> None:
    """A method that is wrong by agreement is not told wrong by the identities as well."""
    case = boundary_cases("generic", "float32")[2]
    assert broken_by("sign", case, (AGREEMENT, *IDENTITIES)) == {"agreement"}
    assert broken_by("sign", case) == {"sum over samples", "homogeneity"}


def test_each_layer_is_asked_for_where_f_is_linear_in_it() -> None:
    """Down to the first one; not below the shift of a norm, a row of padding, or a parameter that is frozen."""

    def asked(case: Case) -> list[str]:
        reference = CaseReference(case, "cpu")
        layers = identities._linear_in(reference.network, frozenset(reference.layout.offsets()))
        return [step.path for step in layers if not step.is_fixed]

    assert asked(NET) == ["4", "0"]
    assert asked(replace(NET, frozen=(3,))) == []
    assert asked(replace(NET, frozen=(0,))) == ["4"]
    pooled = replace(NET, layers=(NET.layers[0], AvgPool(axes=1, kernel_size=2), *NET.layers[3:]))
    assert asked(pooled) == ["3", "0"]
    normed = replace(NET, layers=(NET.layers[0], BatchNorm(axes=1, eps=0.25), *NET.layers[3:]), seed=3)
    assert asked(normed) == ["3", "1"]
    rows = (Embedding(num_embeddings=3, embedding_dim=2, padding_idx=1), Flatten(), Linear(out_features=2))
    assert asked(replace(NET, layers=rows, in_shape=(2,))) == ["2"]


def test_where_output_and_gradient_may_round_nothing_is_claimed() -> None:
    """A smooth network, and normal numbers, have no exact output to compare with."""
    assert CaseReference(NET, "cpu").plain is not None
    assert CaseReference(replace(NET, recipe=Normal()), "cpu").plain is None
    assert CaseReference(replace(NET, layers=(Tanh(), *NET.layers)), "cpu").plain is None
    assert set(IDENTITIES) < set(LAWS)


def test_equal_results_are_asked_once() -> None:
    """And one that is not equal is asked all the same, after those that are."""
    case = boundary_cases("generic", "float32")[2]
    right, faulty = find_method("autograd_loop"), catalogue()["sign"].method()
    with calm_torch():
        reference = CaseReference(case, "cpu")
        assert reference.exact
        assert not reference.held
        assert not judge(case, right, reference=reference, laws=IDENTITIES).failures
        assert reference.held == {law.ask.__name__ for law in IDENTITIES}
        reference.plain = None  # whoever asks again learns nothing
        assert not judge(case, right, reference=reference, laws=IDENTITIES).failures
        del reference.plain
        assert len(judge(case, faulty, reference=reference, laws=IDENTITIES).failures) == 2
