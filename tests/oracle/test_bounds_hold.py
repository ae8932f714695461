"""No conventional evaluation exceeds the bound: simulated, operation by operation, in every dtype and order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaccheck_support.evaluation import Evaluation, jacobians
from jaccheck_support.simulation import SLOPES, VALUES, VARIANTS, Machine, Rounding, Summation
from jaccheck_support.testing import network_of

from jaccheck.case import (
    DTYPES,
    ELU,
    FAMILIES,
    SELU,
    Case,
    DType,
    Integers,
    Layer,
    LeakyReLU,
    Linear,
    LogSigmoid,
    Normal,
    ReLU,
    ScaleInput,
    ScaleLayer,
    SetUnit,
    Sigmoid,
    Tanh,
    boundary_cases,
    cases,
)
from jaccheck.case.families.registry import BY_NAME
from jaccheck.oracle import (
    Arithmetic,
    Network,
    Order,
    activations,
    arithmetic,
    backward,
    forward,
    propagation,
    scaled,
)

ULPS = 3
"""Beside their rounding, so that library functions are off by almost the four that are assumed."""


REVERSE_MODE = Evaluation()


def worst_ratio(net: Network, machine: Machine, how: Evaluation = REVERSE_MODE) -> float:
    """The largest error of this evaluation in units of its bound; NaN where an entry is NaN, 0 where undecided."""
    ar = arithmetic(machine.dtype, smallest_cotangent=how.cotangent)
    form = backward(net, forward(net, ar), ar, order=Order.ANY if how.forward_mode else Order.REVERSE)
    bound = form.bound if how.cotangent == 1 else scaled(form, 4, ar)
    if not np.isfinite(bound).all():
        return 0.0
    error = np.abs(jacobians(net, machine, how) - form.jacobian)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(error == 0, 0, error / bound)
    return float(np.max(ratio, initial=0.0))


def is_decided(net: Network, dtype: DType) -> bool:
    """Whether anything is claimed of a network, and there is anything to claim."""
    ar = arithmetic(dtype)
    bound = backward(net, forward(net, ar), ar).bound
    return bool(bound.size and np.isfinite(bound).all())


MACHINES = st.builds(
    Machine,
    st.sampled_from(DTYPES),
    st.sampled_from(Summation),
    st.sampled_from(Rounding),
    ulps=st.sampled_from([0, ULPS]),
    seed=st.integers(0, 1000),
)
COTANGENTS = st.sampled_from([1.0, float(np.sqrt(2)), float(np.sqrt(2 / 15))])
HOW = st.one_of(
    st.builds(Evaluation, st.sampled_from(VALUES), st.sampled_from(SLOPES), st.just(False), COTANGENTS),
    st.builds(Evaluation, st.sampled_from(VALUES), st.sampled_from(SLOPES), st.just(True)),
)


def is_simulated(case: Case) -> bool:
    """Losses are held to their bounds in tests/oracle/test_loss_ends.py."""
    return BY_NAME[case.family].has_rules and case.loss is None and case.entries() <= 4000


@settings(max_examples=250)
@given(cases().filter(is_simulated), MACHINES, HOW)
def test_no_evaluation_of_a_random_case_exceeds_the_bound(case: Case, machine: Machine, how: Evaluation) -> None:
    """Whatever the order, the rounding, the formulas and the scaling: every entry is within the bound."""
    machine.dtype = case.dtype
    assert worst_ratio(network_of(case), machine, how) <= 1


@settings(max_examples=250)
@given(st.data(), MACHINES, HOW)
def test_no_evaluation_of_an_adversarial_case_exceeds_the_bound(
    data: st.DataObject, machine: Machine, how: Evaluation
) -> None:
    """The same for weights scaled far apart, saturated units, kinks and sums that cancel, in every activation."""
    assert worst_ratio(network_of(data.draw(adversarial(machine.dtype))), machine, how) <= 1


@st.composite
def adversarial(draw: st.DrawFn, dtype: DType) -> Case:
    reach = {"float64": 250, "float32": 30, "bfloat16": 30, "float16": 3}[dtype]
    # Four of them on one layer must not overflow the dtype.
    exponents = st.integers(-reach, reach)
    slopes = st.sampled_from([0.01, -0.3, 1e-6, 1000.0, -1.0])
    between: list[Layer] = draw(
        st.lists(
            st.one_of(
                st.sampled_from([ReLU(), Sigmoid(), Tanh(), LogSigmoid(), SELU(), ELU(), *VARIANTS]),
                st.builds(LeakyReLU, negative_slope=slopes),
                st.builds(ELU, alpha=slopes),
            ),
            min_size=1,
            max_size=3,
        )
    )
    layers: list[Layer] = [Linear(out_features=draw(st.integers(2, 5)))]
    for layer in between:
        layers += [layer, Linear(out_features=draw(st.integers(2, 5)), bias=draw(st.booleans()))]
    biases = st.sampled_from([0.0, -0.0, 1e-30, -1e-6, -20.0, 20.0, -90.0, 90.0])
    modifications = [
        draw(
            st.one_of(
                st.builds(ScaleLayer, layer=st.integers(0, 3), exponent=exponents),
                st.builds(ScaleInput, exponent=exponents),
                st.builds(SetUnit, layer=st.integers(0, 3), unit=st.integers(0, 4), bias=biases),
            )
        )
        for _ in range(draw(st.integers(0, 4)))
    ]
    case = Case(layers=tuple(layers), in_shape=(draw(st.integers(1, 6)),), batch_size=2, dtype=dtype)
    recipe = draw(st.sampled_from([Normal(), Integers(magnitude=3, fan_in=6)]))
    return replace(case, seed=draw(st.integers(0, 999)), recipe=recipe, modifications=tuple(modifications))


@pytest.mark.parametrize(
    "dtype",
    [pytest.param("float64", marks=pytest.mark.full), *DTYPES[1:3], pytest.param("float16", marks=pytest.mark.full)],
)
@pytest.mark.parametrize("rounding", Rounding)
def test_no_evaluation_of_a_boundary_case_exceeds_the_bound(dtype: DType, rounding: Rounding) -> None:
    """For the boundary cases of every family, in reverse and in forward mode."""
    drawn = [
        case
        for family in FAMILIES
        if BY_NAME[family].has_rules
        for case in boundary_cases(family, dtype)
        if case.loss is None
        if case.entries() <= 1000
    ]
    assert sum(is_decided(network_of(case), dtype) for case in drawn) > 30
    for number, case in enumerate(drawn):
        net = network_of(case)
        for mode in (False, True):
            how = Evaluation(VALUES[number % 2], SLOPES[number % 3], mode)
            machine = Machine(dtype, tuple(Summation)[number % 5], rounding, ULPS, number)
            assert worst_ratio(net, machine, how) <= 1, (case, how)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_bound_is_reached(dtype: DType) -> None:
    """An evaluation that takes all that the assumptions leave comes close to the bound, which is not idle.

    In float64 half of it is the reference's share, and the reference rounds little here.
    """
    case = Case(layers=(Linear(out_features=3), ReLU(), Linear(out_features=2)), in_shape=(2,), batch_size=3)
    net = network_of(replace(case, dtype=dtype))
    assert (0.45 if dtype == "float64" else 0.9) <= worst_ratio(net, Machine(dtype, rounding=Rounding.AWAY)) <= 1


DEEP = (Linear(out_features=4), Tanh(), Linear(out_features=3), LeakyReLU(), Linear(out_features=2))
ADVERSE = Machine("float32", rounding=Rounding.AWAY, ulps=ULPS)


ACTIVATIONS = (
    *(ReLU(), Sigmoid(), Tanh(), LogSigmoid(), SELU(), *VARIANTS),
    *(LeakyReLU(negative_slope=slope) for slope in (0.01, -0.3, 1000.0)),
    *(ELU(alpha=alpha) for alpha in (1.0, 0.7, -30.0)),
)


def formulas_outside(layer: Layer, machine: Machine) -> int:
    """How many values and slopes on a grid of z, by any formula, are not within their rounding of the reference."""
    z = np.linspace(-12, 12, 97)
    act = activations.activation(layer, z, np.zeros_like(z), arithmetic(machine.dtype))
    checks = [np.abs(f(machine, layer, machine.wide(z)) - act.value) <= act.rounding for f in VALUES]
    checks += [np.abs(f(machine, layer, machine.wide(z)) - act.slope) <= act.slope_error for f in SLOPES]
    return int(np.count_nonzero(~np.array(checks)))


@pytest.mark.parametrize("layer", ACTIVATIONS, ids=repr)
def test_every_formula_of_an_activation_is_within_its_rounding(layer: Layer) -> None:
    """At z without error, in every dtype, with functions and operations off as far as they may be."""
    for dtype in DTYPES:
        for rounding in Rounding:
            assert formulas_outside(layer, Machine(dtype, rounding=rounding, ulps=ULPS)) == 0


def calls_functions(layer: Layer) -> bool:
    """Whether its bound allows for library functions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Arithmetic, "library", lambda ar, calls=1, roundings=0: np.inf)
        act = activations.activation(layer, np.ones(1), np.zeros(1), arithmetic("float32"))
    return bool(np.isinf(act.rounding[0]))


@pytest.mark.parametrize("layer", [layer for layer in ACTIVATIONS if calls_functions(layer)], ids=repr)
def test_an_activation_without_library_error_is_caught(layer: Layer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check above fails if library functions are taken to be exact but for a rounding."""
    library = Arithmetic.library
    monkeypatch.setattr(Arithmetic, "library", lambda ar, calls=1, roundings=0: library(ar, 0, roundings))
    assert any(formulas_outside(layer, Machine("float32", rounding=r, ulps=ULPS)) for r in Rounding)


def case_of(*layers: Layer, dtype: DType = "float32", inputs: int = 3) -> Case:
    return Case(layers=layers, in_shape=(inputs,), batch_size=3, dtype=dtype, recipe=Normal(), seed=3)


def test_a_sum_bounded_with_one_rounding_too_few_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The checks above fail if every γ allows for one rounding less than there are."""
    net, gamma = network_of(case_of(Linear(out_features=2), ReLU(), Linear(out_features=2), inputs=2)), Arithmetic.gamma
    assert worst_ratio(net, ADVERSE) <= 1
    monkeypatch.setattr(Arithmetic, "gamma", lambda ar, roundings: gamma(ar, roundings - 1))
    assert worst_ratio(net, ADVERSE) > 1


def test_slopes_taken_as_known_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The checks above fail if slopes are taken to be free of error."""
    net, rule = network_of(case_of(*DEEP)), propagation.activation
    assert worst_ratio(net, ADVERSE) <= 1

    def without(layer: Layer, z: np.ndarray, E: np.ndarray, ar: Arithmetic) -> activations.Activation:
        return rule(layer, z, E, ar)._replace(slope_error=np.zeros_like(z))

    monkeypatch.setattr(propagation, "activation", without)
    assert worst_ratio(net, ADVERSE) > 1


def test_one_library_call_taken_for_two_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The checks above fail if log1p(e⁻ᶻ) may be off only as far as one of its two functions."""
    net = network_of(case_of(LogSigmoid(), Linear(out_features=1, bias=False), inputs=1))
    net.X[...] = 9.0
    assert worst_ratio(net, ADVERSE) <= 1
    library = Arithmetic.library
    monkeypatch.setattr(Arithmetic, "library", lambda ar, calls=1, roundings=0: library(ar, min(calls, 1), roundings))
    assert worst_ratio(net, ADVERSE) > 1


def test_a_library_function_taken_as_exact_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The checks above fail if exp is taken to be rounded only once."""
    net = network_of(case_of(Linear(out_features=40), Sigmoid(), Linear(out_features=1), inputs=1))
    how = Evaluation(slope=SLOPES[2])
    assert worst_ratio(net, ADVERSE, how) <= 1
    library = Arithmetic.library
    monkeypatch.setattr(Arithmetic, "library", lambda ar, calls=1, roundings=0: library(ar, 0, min(roundings, 1)))
    assert worst_ratio(net, ADVERSE, how) > 1


def test_forward_mode_has_a_bound_of_its_own() -> None:
    """Where sums cancel in δ, forward mode may be further off than reverse mode; its own bound is wider, and holds."""
    case = case_of(*(layer for _ in range(6) for layer in (Linear(out_features=6, bias=False), LeakyReLU())))
    case = replace(case, layers=(*case.layers, Linear(out_features=1)))
    ratios = []
    for seed in range(15):
        net, ar = network_of(replace(case, seed=seed)), arithmetic("float32")
        ahead = forward(net, ar)
        reverse, both = (backward(net, ahead, ar, order=order) for order in Order)
        found = jacobians(net, Machine("float32", rounding=Rounding.RANDOM), Evaluation(forward_mode=True))
        error = np.abs(found - reverse.jacobian)
        assert np.all(error <= both.bound)
        ratios.append(np.max(both.bound[reverse.bound > 0] / reverse.bound[reverse.bound > 0]))
    assert max(ratios) > 2


def test_underflow_in_forward_mode_is_covered() -> None:
    """A tangent that underflows below a large weight is off by far more than its own size; the bound says so."""
    layers = (Linear(out_features=1, bias=False),) * 3
    case = case_of(*layers, inputs=1)
    net = network_of(case)
    for step, scale in zip(net.steps, (1.0, 2.0**-110, 2.0**110), strict=True):
        step.W[...] = scale
    net.X[...] = 2.0**-30
    flushing = Machine("float32", rounding=Rounding.TOWARDS)
    assert not np.any(jacobians(net, flushing, Evaluation(forward_mode=True))[:3])
    assert worst_ratio(net, flushing, Evaluation(forward_mode=True)) <= 1
    assert worst_ratio(net, flushing) <= 1


def test_underflow_in_the_forward_pass_is_covered() -> None:
    """An activation that underflows before a large weight is off by far more than its rounding; the bound says so."""
    net = network_of(case_of(*(Linear(out_features=1, bias=False),) * 3, inputs=1))
    for step, scale in zip(net.steps, (2.0**-100, 2.0**100, 1.0), strict=True):
        step.W[...] = scale
    net.X[...] = 2.0**-30
    flushing = Machine("float32", rounding=Rounding.TOWARDS)
    assert not np.any(jacobians(net, flushing, Evaluation())[-3:])
    assert worst_ratio(net, flushing) <= 1
    assert worst_ratio(net, flushing, Evaluation(forward_mode=True)) <= 1


def test_a_dead_unit_whose_tangent_overflows_is_undecided_in_forward_mode() -> None:
    """Tangents may grow through units that no output sees, and inf · 0 is NaN; in reverse mode nothing overflows."""
    layers = (
        Linear(out_features=1, bias=False),
        Linear(out_features=2, bias=False),
        Linear(out_features=1, bias=False),
    )
    net = network_of(case_of(*layers, dtype="float16", inputs=2))
    for step, W in zip(net.steps, ([[1.0, -1.0]], [[512.0], [1.0]], [[0.0, 1.0]]), strict=True):
        step.W[...] = W
    net.X[...] = 256.0
    ar = arithmetic("float16")
    ahead = forward(net, ar)
    assert np.all(np.isfinite(backward(net, ahead, ar).bound))
    assert np.all(backward(net, ahead, ar, order=Order.ANY).bound == np.inf)
    assert np.isnan(jacobians(net, Machine("float16"), Evaluation(forward_mode=True))).any()


@pytest.mark.parametrize("scale", [30000.0, -30000.0])
def test_a_sum_whose_parts_overflow_is_undecided(scale: float) -> None:
    """Where a partial sum may leave the range of the dtype, no entry is claimed to be known."""
    net = network_of(case_of(Linear(out_features=2, bias=False), dtype="float16"))
    net.steps[0].W[...] = [[scale, scale, -2 * scale], [scale, -scale, 0]]
    net.X[...] = 1.5
    ar = arithmetic("float16")
    assert np.all(backward(net, forward(net, ar), ar).bound == np.inf)


def test_sums_of_too_many_terms_for_the_dtype_are_undecided_and_not_nan() -> None:
    """In bfloat16 nothing is known of a sum of 256 terms; that is an infinite bound and no NaN."""
    layers = (Linear(out_features=300), ReLU(), Linear(out_features=1))
    net = network_of(case_of(*layers, dtype="bfloat16"))
    ar = arithmetic("bfloat16")
    assert np.all(backward(net, forward(net, ar), ar).bound == np.inf)


@pytest.mark.parametrize("z", [-90.0, -20.0, -1e-6, 0.0])
def test_a_saturated_elu_is_off_by_its_own_rounding(z: float) -> None:
    """Near −1 an ELU rounds by units of 1, however small eᶻ is."""
    act = activations.activation(ELU(), np.array([z]), np.zeros(1), arithmetic("float32"))
    for function in (np.expm1(np.float32(z)), np.exp(np.float32(z)) - np.float32(1)):
        assert np.all(np.abs(np.float64(function) - act.value) <= act.rounding)


SCALARS = st.floats(-4, 4, width=16).map(float)


@settings(max_examples=300)
@given(st.sampled_from(DTYPES), SCALARS, SCALARS, st.integers(-30, 30))
def test_simulated_operations_round_as_torch_does(dtype: DType, x: float, y: float, exponent: int) -> None:
    """Products and sums of two numbers, subnormal ones included, are what torch returns in that dtype."""
    kind = getattr(torch, dtype)
    a, b = torch.tensor(x * 2.0**exponent).to(kind), torch.tensor(y / 3).to(kind)
    if not torch.isfinite(a):
        return
    machine = Machine(dtype)
    A, B = machine.wide(a.double().numpy()), machine.wide(b.double().numpy())
    if dtype == "bfloat16" and 0 < abs(float(a * b)) < 2.0**-126:
        return
    assert float(machine.round(A * B)) == float(a * b)
    assert float(machine.round(A + B)) == float(a + b)
