"""What a wrong result looks like is said in words where it follows a pattern, and nothing is said where it does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaccheck.case import Case, Integers, LeakyReLU, Linear, Normal, Tanh
from jaccheck.judging import judge
from jaccheck.judging.pattern import pattern_of
from jaccheck.methods import calm_torch
from jaccheck.oracle import Layout
from jaccheck.selftest import catalogue

LAYOUT = Layout(N=4, C=3, shapes={"0.weight": (3, 3), "0.bias": (3,)})

CASE = Case(
    layers=(Linear(out_features=3), Tanh(), Linear(out_features=3), LeakyReLU(), Linear(out_features=4)),
    in_shape=(3,),
    batch_size=5,
    dtype="float32",
    recipe=Normal(),
    seed=3,
)

TOLD = {
    "sample_roll": "each sample has the Jacobian of the one before",
    "class_swap": "outputs in reverse order",
    "first_sample_for_all": "0.weight, 0.bias, 2.weight, 2.bias, 4.weight: every sample has the Jacobian of sample 0",
    "summed_over_samples": "the sum over all samples instead of each",
    "mean_for_sum": "0.2 times what it should be (1/N)",
    "root_of_two_missing": "1.41 times what it should be (√2)",
    "root_of_outputs_missing": "0.5 times what it should be (1/√C)",
    "sign": "negated",
    "sign_of_biases": "0.bias, 2.bias, 4.bias: negated",
    "zeroed_last_sample": "only sample 4 is wrong",
    "only_one_class": "only output 0 is right",
    "first_layer_forgotten": "0.weight: zero",
}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("fault", TOLD)
def test_a_mutant_is_told_by_its_pattern(fault: str, dtype: str) -> None:
    """At the end of the message, whether it rounds or must be equal."""
    recipe = Normal() if dtype == "float32" else Integers(magnitude=3)
    layers = tuple(LeakyReLU(negative_slope=0.5) if isinstance(each, Tanh) else each for each in CASE.layers)
    case = CASE if dtype == "float32" else replace(CASE, dtype="bfloat16", recipe=recipe, layers=layers)
    with calm_torch():
        verdict = judge(case, catalogue()[fault].method())
    assert verdict.message.endswith(f"says closed form and autograd; {TOLD[fault]}"), verdict.message


def numbers(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(LAYOUT.entries)


def told(actual: np.ndarray, expected: np.ndarray) -> str:
    return pattern_of(LAYOUT, actual, expected, np.full(LAYOUT.entries, 1e-12), 2.0**-53)


def whole(flat: np.ndarray, name: str) -> np.ndarray:
    return flat[LAYOUT.offsets()[name]].reshape(4, 3, *LAYOUT.shapes[name])


@settings(max_examples=30)
@given(st.integers(0, 1000), st.permutations(range(4)))
def test_any_order_of_samples_is_told(seed: int, order: list[int]) -> None:
    """By the sample whose Jacobian each has."""
    expected = numbers(seed)
    actual = np.concatenate([whole(expected, name)[order].ravel() for name in LAYOUT.shapes])
    words = told(actual, expected)
    assert words == "" if order == [0, 1, 2, 3] else words.startswith(("each sample", "samples"))
    if order == [1, 0, 2, 3]:
        assert words == "samples have the Jacobians of samples [1, 0, 2, 3]"


def test_other_patterns() -> None:
    """A transpose, an exchange of samples and outputs, another parameter's Jacobian, a factor, two at once."""
    expected = numbers(0)
    weight, bias = whole(expected, "0.weight"), whole(expected, "0.bias")
    turned = weight.swapaxes(2, 3)
    assert told(np.concatenate([turned.ravel(), bias.ravel()]), expected) == "0.weight: transposed"
    exchanged = [whole(expected, name).swapaxes(0, 1).ravel() for name in LAYOUT.shapes]
    assert told(np.concatenate(exchanged), expected) == "samples and outputs are exchanged"
    assert told(7 * expected, expected) == "7 times what it should be"
    mean = np.broadcast_to(bias.mean(axis=1, keepdims=True), bias.shape)
    both = np.concatenate([-weight.ravel(), mean.ravel()])
    assert told(both, expected) == "0.weight: negated; 0.bias: the mean over all outputs instead of each"


def test_nothing_is_said_of_noise() -> None:
    """Numbers that follow from nothing, a single wrong entry, NaN, and what is right."""
    expected = numbers(0)
    one = expected.copy()
    one[5] += 1
    nan = np.where(np.arange(len(expected)) == 3, np.nan, expected)
    for actual in (numbers(1), one, nan, expected):
        assert told(actual, expected) == ""


def test_a_factor_near_one_is_told_with_the_digits_that_show_it() -> None:
    """Also for one sample, where 1 is a name of the factor; what is right but for one entry has no factor."""
    expected = numbers(0)
    assert told(1.0001 * expected, expected) == "1.0001 times what it should be"
    alone = Layout(N=1, C=1, shapes={"0.weight": (6, 6)})
    one = np.random.default_rng(1).standard_normal(36)
    bound = np.full(36, 1e-12)
    assert pattern_of(alone, 1.0001 * one, one, bound, 2.0**-53) == "1.0001 times what it should be"
    off = one.copy()
    off[3] += 3e-12
    assert pattern_of(alone, off, one, bound, 2.0**-53) == ""


def test_a_few_entries_make_no_pattern() -> None:
    """Three numbers are in some order of each other too easily; that one of them has changed its sign is certain."""
    small = Layout(N=3, C=1, shapes={"bias": (1,)})
    expected, bound = np.array([1.0, 2.0, 3.0]), np.full(3, 1e-12)
    assert pattern_of(small, expected[[1, 2, 0]], expected, bound, 2.0**-53) == ""
    assert pattern_of(small, -expected, expected, bound, 2.0**-53) == "negated"
    assert pattern_of(small, 0 * expected, expected, bound, 2.0**-53) == "zero"


def test_what_cannot_be_decided_disturbs_no_pattern() -> None:
    """Neither an entry without a limit nor NaN on both sides."""
    expected, bound = numbers(0), np.full(LAYOUT.entries, 1e-12)
    actual = -expected
    actual[5], bound[5] = 7.0, np.inf
    actual[9] = expected[9] = np.nan
    assert pattern_of(LAYOUT, actual, expected, bound, 2.0**-53) == "negated"
    actual[11] = np.nan
    assert pattern_of(LAYOUT, actual, expected, bound, 2.0**-53) == ""


def test_many_parameters_with_one_pattern_are_counted() -> None:
    """Their names would fill the screen."""
    layout = Layout(N=2, C=2, shapes={f"{i}.weight": (3,) for i in range(20)})
    expected = np.random.default_rng(0).standard_normal(layout.entries)
    actual = np.where(np.arange(layout.entries) < layout.entries // 2, -expected, expected)
    assert pattern_of(layout, actual, expected, np.full(layout.entries, 1e-12), 2.0**-53) == "10 parameters: negated"


def test_two_layouts_of_nothing() -> None:
    """An empty batch has no pattern."""
    empty = np.empty(0)
    assert pattern_of(replace(LAYOUT, N=0), empty, empty, empty, 2.0**-53) == ""
