"""Every family has its share of every run, and its boundary cases are decided on every method that covers them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaccheck.case import (
    DTYPES,
    FAMILIES,
    AvgPool,
    Case,
    Embedding,
    Flatten,
    Integers,
    boundary_cases,
    cases,
    draw_cases,
)
from jaccheck.case.families.registry import BY_NAME
from jaccheck.errors import NotComputed
from jaccheck.judging import CaseReference
from jaccheck.methods import round_sample

CLAIMS = {
    "single_sample": lambda case: case.batch_size == 1,
    "empty_batch": lambda case: case.batch_size == 0,
    "batched_scalar": lambda case: case.outputs == 1,
    "narrow": lambda case: 1 in (*case.in_shape, *(place.out_shape[-1] for place in case.weighted())),
    "no_bias": lambda case: not any("bias" in place.parameters for place in case.weighted()),
    "frozen": lambda case: bool(case.frozen) or len(case.parameter_shapes()) == 1,
    "square": lambda case: len({case.batch_size, *case.in_shape, case.outputs}) == 1,
    "large": lambda case: max(case.batch_size, *(n for p in case.weighted() for n in (*p.in_shape, *p.out_shape))) > 33,
    "deep": lambda case: len(case.weighted()) >= 5,
    "repeated_shapes": lambda case: len(set(case.parameter_shapes().values())) < len(case.parameter_shapes()),
}


def computed(family: str, dtype: str) -> list[tuple[Case, CaseReference]]:
    """The boundary cases with their references; torch 2.13 has no average pooling over three axes in half precision."""
    found = []
    for case in boundary_cases(family, dtype):  # type: ignore[arg-type]
        try:
            found.append((case, CaseReference(case, "cpu")))
        except NotComputed:
            assert dtype in ("bfloat16", "float16"), case
            assert any(isinstance(layer, AvgPool) and layer.axes == 3 for layer in case.layers), case
    return found


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_family_is_what_it_says(family: str, dtype: str) -> None:
    """Drawn and boundary cases carry the family's name and, where it can be said, its trait."""
    drawn = draw_cases(family, (dtype,), seed_number=7, count=10)  # type: ignore[arg-type]
    for case in (*drawn, *boundary_cases(family, dtype)):  # type: ignore[arg-type]
        assert (case.family, case.dtype) == (family, dtype)
        assert CLAIMS.get(family, lambda case: True)(case), case


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_boundary_case_is_decided(family: str, dtype: str) -> None:
    """At least one boundary case of each family and dtype is certified exact, or has a bound that decides entries."""
    found = [reference for _, reference in computed(family, dtype)]
    if not BY_NAME[family].has_rules and dtype in ("bfloat16", "float16"):
        # What 1,024 roundings do says little in eight bits, or in eleven.
        return
    assert any(reference.exact or (reference.autograd_bound < abs(reference.jacobian)).any() for reference in found)


@given(cases(), st.data())
@settings(max_examples=50)
def test_samples_are_distinct_unless_asked_for(case: Case, data: st.DataObject) -> None:
    """No sample is another one's copy, or swapping them could not show; of indices as many differ as there are rows."""
    if case.modifications or case.input_form == "expanded":
        return
    numbers = round_sample(case)
    X = numbers.buffers.get("inputs", numbers.X).flatten(1)
    most = case.layers[0].num_embeddings if isinstance(case.layers[0], Embedding) else len(X)
    assert len(X.unique(dim=0)) >= min(len(X), most)


def test_the_same_seed_draws_the_same_cases() -> None:
    """A shard can be drawn again, anywhere."""
    first = draw_cases("generic", DTYPES, seed_number=3, count=20)
    assert first == draw_cases("generic", DTYPES, seed_number=3, count=20)
    assert first != draw_cases("generic", DTYPES, seed_number=4, count=20)


def test_low_precision_is_mostly_exact() -> None:
    """In bfloat16 and float16 only exact cases decide everything, so most drawn ones are."""
    drawn = [
        c
        for f in ("generic", "square", "frozen", "deep")
        for c in draw_cases(f, ("bfloat16", "float16"), seed_number=5, count=25)
    ]
    exact = [case for case in drawn if CaseReference(case, "cpu").exact]
    assert all(isinstance(case.recipe, Integers) for case in drawn)
    assert len(exact) >= 0.8 * len(drawn)


def test_batched_scalars_come_in_both_shapes() -> None:
    """`f` of shape [N, 1] and of shape [N]."""
    drawn = draw_cases("batched_scalar", DTYPES, seed_number=1, count=30)
    flat = [case.layers[-1] == Flatten(start_dim=0) for case in drawn]
    assert any(flat)
    assert not all(flat)


@pytest.mark.parametrize("family", [family for family in FAMILIES if family != "empty_batch"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_boundary_case_has_no_dead_parameter(family: str, dtype: str) -> None:
    """Every parameter has a Jacobian that is not zero; where all is zero, a fault of scale, sign or order is unseen."""
    for case, reference in computed(family, dtype):
        for name, part in reference.layout.offsets().items():
            assert reference.jacobian[part].any(), (name, case)


def test_every_size_to_33_is_in_every_run() -> None:
    """As N, as C and as a number of inputs: a fault of one rare size (a tile, a remainder) has its boundary case."""
    found = [case for dtype in DTYPES for case in boundary_cases("sizes", dtype)]
    sizes = set(range(5, 34))
    assert {case.batch_size for case in found} >= sizes
    assert {case.outputs for case in found} >= sizes
    assert {case.in_shape[0] for case in found} >= sizes
    assert {case.weighted()[0].out_shape[0] for case in found} >= sizes


def test_deep_networks_are_alive() -> None:
    """At least nine in ten drawn deep networks have a nonzero Jacobian of their first parameter."""
    drawn = [case for dtype in DTYPES for case in draw_cases("deep", (dtype,), seed_number=5, count=25)]
    references = [CaseReference(case, "cpu") for case in drawn]
    alive = [reference.jacobian[next(iter(reference.layout.offsets().values()))].any() for reference in references]
    assert sum(alive) >= 0.9 * len(drawn)
