"""A comparison looks at the structure first, then at values; it says how close they came and where they are wrong."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from jaccheck.judging import Expectation, compare, compare_values, flattened, flattened_away
from jaccheck.judging.comparison import EXCERPT_COLUMNS, EXCERPT_ROWS, largest_test_ratio, outside, worst_entry
from jaccheck.oracle import Layout

NAN, INF = math.nan, math.inf
LAYOUT = Layout(N=2, C=3, shapes={"weight": (2, 4), "bias": (2,)})
EXPECTED = np.arange(1.0, 1 + LAYOUT.entries)
EXPECTATION = Expectation(
    source="closed form",
    mode="bound",
    layout=LAYOUT,
    dtype="float32",
    device="cpu",
    expected=EXPECTED,
    bound=np.full(LAYOUT.entries, 0.25),
    undecided=0,
)


def jacobians(flat: np.ndarray = EXPECTED) -> dict[str, Tensor]:
    """A flat vector as a method returns it."""
    return {
        name: torch.tensor(flat[part].reshape(2, 3, *LAYOUT.shapes[name]), dtype=torch.float32)
        for name, part in LAYOUT.offsets().items()
    }


def test_what_is_within_the_bound_is_no_difference() -> None:
    """Up to the bound itself, and whatever it is where the bound is infinite."""
    assert compare(jacobians(), EXPECTATION) is None
    assert compare(jacobians(EXPECTED + 0.25), EXPECTATION) is None
    unknown = replace(EXPECTATION, bound=np.full(LAYOUT.entries, INF))
    assert compare(jacobians(EXPECTED * NAN), unknown) is None


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (None, "returned NoneType, expected a dict of tensors"),
        ({"weight": 1.0}, "returned a dict in which 'weight' is a float, expected a dict of tensors"),
        ({"bias": torch.zeros(2, 3, 2)}, "returned Jacobians of ['bias'], expected ['weight', 'bias']"),
        (dict(reversed(jacobians().items())), "returned Jacobians of ['bias', 'weight'], expected ['weight', 'bias']"),
        (jacobians() | {"bias": torch.zeros(2, 3)}, "bias: shape (2, 3), expected (N, C, *θ.shape) = (2, 3, 2)"),
        (jacobians() | {"bias": torch.zeros(2, 3, 2).double()}, "bias: dtype torch.float64, expected torch.float32"),
        (jacobians() | {"bias": torch.zeros(2, 3, 2).to_sparse()}, "bias: storage torch.sparse_coo on cpu"),
        (jacobians() | {"bias": torch.zeros(2, 3, 2, device="meta")}, "bias: storage torch.strided on meta"),
    ],
)
def test_the_structure_comes_first(result: object, message: str) -> None:
    """Names, order, shapes, dtype, device and layout; no value of such a result is looked at."""
    difference = compare(result, EXPECTATION)
    assert difference is not None
    assert str(difference.detail).startswith(message)
    assert difference.worst is None


def test_a_wrong_value_is_told_with_its_place_and_pattern() -> None:
    """The entry furthest outside, how many are wrong, and what the whole looks like."""
    wrong = EXPECTED.copy()
    wrong[10] += 7
    wrong[11] += 1
    difference = compare(jacobians(wrong), EXPECTATION)
    assert difference is not None
    entry = "weight[0, 1, 0, 2]: 18 instead of 11 (2.8e+01 × bound 2.5e-01); 2 of 60 entries wrong"
    assert str(difference.worst) == entry
    assert difference.hint == "weight: only sample 0 is wrong"
    negated = compare(jacobians(-EXPECTED), EXPECTATION)
    assert negated is not None
    assert negated.hint == "negated"


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_what_is_not_finite_is_the_worst(value: float) -> None:
    """Even beside an entry that is far off."""
    wrong = EXPECTED.copy()
    wrong[3], wrong[-1] = 1e30, value
    difference = compare_values(wrong, EXPECTATION)
    assert difference is not None
    assert difference.worst is not None
    assert (difference.worst.parameter, difference.worst.index) == ("bias", (1, 2, 1))


def test_given_up_memory_holds_the_same_vector() -> None:
    """Jacobians that are laid out otherwise, or of integers in half precision, too."""
    made = jacobians() | {"bias": torch.arange(12.0).reshape(2, 2, 3).transpose(1, 2).half()}
    assert np.array_equal(flattened_away(dict(made)), flattened({name: J.float() for name, J in made.items()}))


numbers = st.sampled_from([0.0, 1.0, -1.0, 1.5, 3e-9, 1e300, INF, -INF, NAN])
bounds = st.sampled_from([0.0, 1e-9, 0.5, 1.0, INF])


@given(st.lists(st.tuples(numbers, numbers, bounds), max_size=4))
def test_the_ratio_is_above_one_just_where_something_is_outside(entries: list[tuple[float, float, float]]) -> None:
    """Both say the same of NaN, infinities, zero bounds and infinite ones."""
    actual, expected, bound = (
        (np.array(column) for column in zip(*entries, strict=True)) if entries else [np.zeros(0)] * 3
    )
    assert (largest_test_ratio(actual, expected, bound) > 1) == outside(actual, expected, bound)


def test_the_ratio_is_the_largest_multiple() -> None:
    """Of all entries, in units of each one's own bound."""
    assert largest_test_ratio(np.array([1.0, 2.0]), np.array([1.5, 2.25]), np.array([1.0, 0.25])) == 1.0


@pytest.mark.parametrize("position", [0, 1, 17, 100, 1234, 5 * 7 * 48 - 1])
def test_an_excerpt_shows_the_worst_entry_in_its_place(position: int) -> None:
    """Rows are samples and outputs, columns the numbers of the parameters, and the window is bounded."""
    layout = Layout(N=5, C=7, shapes={"0.weight": (4, 10), "0.bias": (4,), "2.weight": (2, 2)})
    expected = np.arange(layout.entries, dtype=float)
    actual = expected.copy()
    actual[position] += 1000.0
    worst = worst_entry(layout, actual, expected, np.full(layout.entries, 0.25))
    around = worst.around
    assert around is not None
    whole = np.concatenate([expected[part].reshape(35, -1) for part in layout.offsets().values()], axis=1)
    assert (around.rows, around.columns) == whole.shape
    shown = np.array(around.expected)
    assert shown.shape == (EXCERPT_ROWS, EXCERPT_COLUMNS) == (16, sum(count for _, count in around.parameters))
    window = whole[around.first_row :, around.first_column :][: shown.shape[0], : shown.shape[1]]
    assert np.array_equal(shown, window)
    row, column = around.worst
    assert around.actual[row][column] - around.expected[row][column] == 1000.0
    assert np.count_nonzero(np.array(around.actual) != shown) == 1
    assert np.all(np.array(around.bound) == 0.25)
    names = [name for name, count in around.parameters for _ in range(count)]
    assert names[column] == worst.parameter
    assert (around.first_row + row) == worst.index[0] * 7 + worst.index[1]


def test_a_small_jacobian_is_shown_whole() -> None:
    """As those of most cases that were shrunk are."""
    layout = Layout(N=1, C=2, shapes={"0.weight": (2, 1)})
    worst = worst_entry(layout, np.ones(4), np.zeros(4), np.zeros(4))
    assert worst.around is not None
    assert worst.around.actual == ((1.0, 1.0), (1.0, 1.0))
    assert worst.around.parameters == (("0.weight", 2),)
