"""What is told of a comparison: how close it came to the bound, and a picture of where it is wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaccheck.judging.comparison import EXCERPT_COLUMNS, EXCERPT_ROWS, largest_test_ratio, outside, worst_entry
from jaccheck.oracle import Layout

NAN, INF = math.nan, math.inf
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
