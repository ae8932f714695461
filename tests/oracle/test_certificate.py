"""The exactness certificate: where it holds nothing rounds, one bit beyond it something does, and then it says no."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jaccheck_support.evaluation import Evaluation, jacobians
from jaccheck_support.simulation import Machine, Summation
from jaccheck_support.testing import network_of

from jaccheck.case import (
    DTYPES,
    ELU,
    SELU,
    Case,
    DType,
    Layer,
    LeakyReLU,
    Linear,
    LogSigmoid,
    ReLU,
    Sigmoid,
    Tanh,
    cases,
)
from jaccheck.case.families.registry import BY_NAME
from jaccheck.oracle import Affine, Network, arithmetic, backward, certificate, forward, is_exact

PRECISION = {"float64": 53, "float32": 24, "bfloat16": 8, "float16": 11}


def chain(X: list[list[float]], *steps: object) -> Network:
    """A network of these weight matrices and activations, without bias."""
    affine = [
        Affine(str(i), np.array(step, dtype=np.float64), None) if isinstance(step, list) else step
        for i, step in enumerate(steps)
    ]
    trainable = {f"{step.path}.weight": step.W.shape for step in affine if isinstance(step, Affine)}
    outputs = [step for step in affine if isinstance(step, Affine)][-1]
    return Network(np.array(X, dtype=np.float64), tuple(affine), trainable, len(outputs.W), len(outputs.W))


def rounds(net: Network, dtype: DType) -> bool:
    """Whether any simulated evaluation differs from the closed form in any entry, NaN included.

    Not to be asked for float64 beyond its precision: there the closed form rounds as well.
    """
    ar = arithmetic(dtype)
    expected = backward(net, forward(net, ar, exact=True), ar, exact=True).jacobian
    evaluations = [
        jacobians(net, Machine(dtype, order, seed=i), Evaluation(forward_mode=mode, cotangent=cotangent))
        for order in Summation
        for i, (mode, cotangent) in enumerate([(False, 1.0), (True, 1.0), (False, 0.5)])
    ]
    return not all(np.array_equal(found, expected) for found in evaluations)


@pytest.mark.full
@settings(max_examples=150)
@given(cases().filter(lambda case: BY_NAME[case.family].has_rules and case.entries() <= 3000))
def test_a_certified_case_is_exact_in_every_order(case: Case) -> None:
    """Rounded after every operation, in every order and mode, each entry equals the closed form."""
    net = network_of(case)
    assert not is_exact(net, arithmetic(case.dtype, smallest_cotangent=0.5)) or not rounds(net, case.dtype)


@settings(max_examples=300)
@given(st.data(), st.sampled_from(["bfloat16", "float16"]))
def test_a_certified_network_at_the_limit_is_exact_in_every_order(data: st.DataObject, dtype: DType) -> None:
    """The same for networks drawn about as large as the precision allows, half of them certified."""
    limit = PRECISION[dtype] / 3
    sizes = st.integers(1, 3)
    exponents = st.integers(-3, 3)

    def matrix(rows: int, columns: int) -> list[list[float]]:
        magnitude = int(2 ** data.draw(st.floats(0, limit)))
        entries = st.lists(st.integers(-magnitude, magnitude), min_size=columns, max_size=columns)
        scale = 2.0 ** data.draw(exponents)
        return [[scale * entry for entry in row] for row in data.draw(st.lists(entries, min_size=rows, max_size=rows))]

    samples, inputs, hidden, outputs = (data.draw(sizes) for _ in range(4))
    between = data.draw(st.sampled_from([ReLU(), LeakyReLU(negative_slope=0.5), LeakyReLU(negative_slope=-2.0)]))
    net = chain(matrix(samples, inputs), matrix(hidden, inputs), between, matrix(outputs, hidden))
    assert not is_exact(net, arithmetic(dtype, smallest_cotangent=0.5)) or not rounds(net, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scale", [1.0, 0.25, 8.0])
def test_the_limit_is_two_to_the_precision(dtype: DType, scale: float) -> None:
    """A sum of 2^p grains is certified (of 2^p − 1 in float64); one of 2^p + 1 is not, and does round."""
    half = 2.0 ** (PRECISION[dtype] - 1)
    within = chain([[half, half - 1, dtype != "float64"]], [[scale] * 3], [[1.0]])
    beyond = chain([[half, half - 1, 1, 1]], [[scale] * 4], [[1.0]])
    assert is_exact(within, arithmetic(dtype))
    assert not rounds(within, dtype)
    assert not is_exact(beyond, arithmetic(dtype))
    assert dtype == "float64" or rounds(beyond, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_limit_holds_for_the_backward_pass(dtype: DType) -> None:
    """δ may sum up to 2^p grains over the outputs of a layer, not one more."""
    half = 2.0 ** (PRECISION[dtype] - 1)
    within = chain([[1.0]], [[1.0]], [[half], [half - 1], [float(dtype != "float64")]], [[1.0, 1.0, 1.0]])
    beyond = chain([[1.0]], [[1.0]], [[half], [half - 1], [1.0], [1.0]], [[1.0, 1.0, 1.0, 1.0]])
    assert is_exact(within, arithmetic(dtype))
    assert not rounds(within, dtype)
    assert not is_exact(beyond, arithmetic(dtype))
    assert dtype == "float64" or rounds(beyond, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_limit_holds_for_the_product_of_both_passes(dtype: DType) -> None:
    """An entry δ·a of the Jacobian needs its bits as well, though neither pass forms it."""
    size = 2 ** (PRECISION[dtype] // 2 + 1) + 1.0
    # The forward pass sees a·0, the backward pass δ, and only the Jacobian of the first layer their product.
    net = chain([[size]], [[0.0]], [[size]])
    assert not is_exact(net, arithmetic(dtype))
    assert dtype == "float64" or rounds(net, dtype)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_sums_that_cancel_in_the_backward_pass_count_in_full(dtype: DType) -> None:
    """δ may end as 1 and still round on the way; the forward pass, all zeros here, does not show it."""
    half = 2.0 ** (PRECISION[dtype] - 1)
    net = chain([[1.0]], [[0.0]], [[half], [half], [1.0], [-half], [-half]], [[1.0] * 5])
    assert rounds(net, dtype)
    assert not is_exact(net, arithmetic(dtype))


def test_a_bias_has_a_grain_of_its_own() -> None:
    """A half beside 128 needs a bit more than bfloat16 has, though the weights are integers."""
    net = chain([[128.0]], [[1.0]], [[1.0]])
    first = net.steps[0]
    assert isinstance(first, Affine)
    biased = replace(net, steps=(Affine(first.path, first.W, np.array([0.5])), net.steps[1]))
    assert is_exact(net, arithmetic("bfloat16"))
    assert not is_exact(biased, arithmetic("bfloat16"))
    assert rounds(biased, "bfloat16")


@pytest.mark.parametrize("between", [Tanh(), Sigmoid(), LogSigmoid(), ELU(), SELU(), ELU(alpha=0.0)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_smooth_activations_are_never_certified(between: Layer, dtype: DType) -> None:
    """Not even where every input is zero."""
    assert not is_exact(chain([[0.0]], [[0.0]], between, [[1.0]]), arithmetic(dtype))


@settings(max_examples=200)
@given(st.sampled_from(DTYPES), st.sampled_from([0.01, -0.01, 0.3, 1 / 3]), st.integers(-8, 8), st.integers(-8, 8))
def test_slopes_that_are_not_dyadic_are_never_certified(dtype: DType, slope: float, x: int, w: int) -> None:
    """Whatever small numbers meet such a slope, it is rounded itself."""
    net = chain([[float(x)]], [[float(w)]], LeakyReLU(negative_slope=slope), [[1.0]])
    assert not is_exact(net, arithmetic(dtype))


@pytest.mark.parametrize(
    ("slope", "dtype", "exact"),
    [
        (0.5, "bfloat16", True),
        (1 + 2.0**-7, "bfloat16", True),
        (1 + 2.0**-8, "bfloat16", False),
        (1 + 2.0**-8, "float16", True),
        (1 + 2.0**-11, "float16", False),
    ],
)
def test_a_dyadic_slope_is_certified_if_the_dtype_holds_it(slope: float, dtype: DType, exact: bool) -> None:
    """A slope of as many bits as the precision is exact, one of one bit more is not."""
    net = chain([[-1.0]], [[1.0]], LeakyReLU(negative_slope=slope), [[1.0]])
    assert is_exact(net, arithmetic(dtype)) is exact
    assert rounds(net, dtype) is not exact


def test_the_range_of_float16_is_a_limit_above() -> None:
    """2^15 is certified, 2^16 is beyond the largest number, however few bits it has."""
    assert is_exact(chain([[2.0**7]], [[2.0**8]]), arithmetic("float16"))
    beyond = chain([[2.0**8]], [[2.0**8]], ReLU(), [[1.0]])
    assert not is_exact(beyond, arithmetic("float16"))


def test_the_range_of_float16_is_a_limit_below() -> None:
    """The smallest subnormal number is 2^-24; one power is kept back, and more for a smaller cotangent."""
    assert is_exact(chain([[2.0**-12]], [[2.0**-11]], [[1.0]]), arithmetic("float16"))
    assert not is_exact(chain([[2.0**-12]], [[2.0**-12]], [[1.0]]), arithmetic("float16"))
    assert not is_exact(chain([[2.0**-12]], [[2.0**-11]], [[1.0]]), arithmetic("float16", smallest_cotangent=0.5))
    assert not rounds(chain([[2.0**-12]], [[2.0**-11]], [[1.0]]), "float16")
    assert rounds(chain([[2.0**-12]], [[2.0**-12]], [[1.0]]), "float16")


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
def test_numbers_that_hardware_may_flush_are_not_certified(dtype: DType) -> None:
    """Subnormal numbers of the wide formats are no basis for equality."""
    smallest = {"float64": -1022, "float32": -126, "bfloat16": -126}[dtype]
    assert is_exact(chain([[2.0 ** (smallest // 2 + 1)]], [[2.0 ** (smallest // 2)]], [[1.0]]), arithmetic(dtype))
    assert not is_exact(chain([[2.0 ** (smallest // 2)]], [[2.0 ** (smallest // 2 - 1)]], [[1.0]]), arithmetic(dtype))


def test_a_dead_unit_that_overflows_in_forward_mode_is_not_certified() -> None:
    """Tangents grow through units that no output sees; inf times 0 is NaN."""
    net = chain([[256.0, 256.0]], [[1.0, -1.0]], [[512.0], [1.0]], [[0.0, 1.0]])
    assert rounds(net, "float16")
    assert not is_exact(net, arithmetic("float16"))


def test_a_scaled_layer_without_bias_is_certified() -> None:
    """Large grains cost nothing: 2^20 times small integers are as exact as small integers."""
    assert is_exact(chain([[3.0, 2.0]], [[2.0**20, -(2.0**21)]], ReLU(), [[1.0]]), arithmetic("bfloat16"))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_certificate_with_one_bit_too_many_is_caught(dtype: DType) -> None:
    """The limit of 2^p is the sharp one: with p + 1 bits a sum that rounds would be certified."""
    generous = replace(arithmetic(dtype), precision_bits=PRECISION[dtype] + 1)
    half = 2.0 ** (PRECISION[dtype] - 1)
    beyond = chain([[half, half - 1, 1, 1]], [[1.0] * 4], [[1.0]])
    assert is_exact(beyond, generous)
    assert dtype == "float64" or rounds(beyond, dtype)


def test_a_certificate_without_grains_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate that takes every number for an integer certifies 2^7 + 1/2 in bfloat16, which rounds."""
    net = chain([[128.0, 0.5]], [[1.0, 1.0]], [[1.0]])
    assert not is_exact(net, arithmetic("bfloat16"))
    monkeypatch.setattr(certificate, "_grain", lambda values: 0)
    assert is_exact(net, arithmetic("bfloat16"))
    assert rounds(net, "bfloat16")


def test_certified_cases_are_many() -> None:
    """Of the integer networks of each dtype that are drawn, some are certified, or equality would be tested nowhere."""
    for dtype in DTYPES:
        layers = (Linear(out_features=4), ReLU(), Linear(out_features=2))
        case = Case(layers=layers, in_shape=(3,), batch_size=2, dtype=dtype)
        assert any(is_exact(network_of(replace(case, seed=seed)), arithmetic(dtype)) for seed in range(5))
