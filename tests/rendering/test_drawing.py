"""Drawings say what the data say: colours by size and by test ratio, a box for each layer, an arrow for each shape."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from jaccheck_support.example_reports.excerpt import CASE, EXCERPT

from jaccheck.case import FAMILIES, Case, Linear, ReLU, Sequential, boundary_cases
from jaccheck.rendering.html.diagram import MOST_LAYERS, diagram
from jaccheck.rendering.html.heatmap import by_test_ratio, by_value, heatmap
from jaccheck.rendering.html.tables import bars

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("value", "tone", "strength", "label"),
    [
        (2.0, "plus", 1.0, "2"),
        (-1.0, "minus", 0.5, "-1"),
        (0.0, "minus", 0.0, "0"),
        (NAN, "odd", 1.0, "NaN"),
        (-INF, "minus", 1.0, "-∞"),
    ],
)
def test_numbers_are_coloured_by_sign_and_size(value: float, tone: str, strength: float, label: str) -> None:
    """Zero has no colour; what is no number has one of its own."""
    mark = by_value(value, 2.0)
    assert (mark.tone, mark.strength, mark.label) == (tone, strength, label)


@pytest.mark.parametrize(
    ("actual", "expected", "bound", "tone"),
    [
        (1.0, 1.0, 0.0, "within"),
        (1.0, 1.1, 0.2, "within"),
        (1.0, 2.0, INF, "within"),
        (NAN, NAN, 0.1, "within"),
        (INF, INF, 0.1, "within"),
        (1.0, 1.1, 0.0, "outside"),
        (NAN, 1.0, 0.1, "outside"),
        (INF, -INF, 0.1, "outside"),
        (1.0, 2.0, 0.5, "outside"),
    ],
)
def test_differences_are_coloured_by_their_bound(actual: float, expected: float, bound: float, tone: str) -> None:
    """Red just where the comparison calls an entry wrong."""
    assert by_test_ratio(actual, expected, bound).tone == tone


def test_what_is_further_outside_is_stronger() -> None:
    """Up to the full colour, which no difference exceeds."""
    strengths = [by_test_ratio(1.0 + d, 1.0, 1e-9).strength for d in (2e-9, 1e-6, 1.0, 1e9)]
    assert all(less <= more for less, more in pairwise(strengths))
    assert strengths[0] < strengths[1] < strengths[2] <= 1.0


def test_each_square_says_where_it_is_and_what_it_holds() -> None:
    """Sample and output by the number of the row in the whole matrix, and the parameter of the column."""
    drawn = heatmap(EXCERPT)
    assert [grid.title for grid in drawn.grids] == ["actual", "expected", "difference"]
    texts = [square.text for square in drawn.grids[0].squares]
    assert texts[0] == "sample 1, output 1, 0.weight: 1, expected 1, bound 0"
    assert texts[5] == "sample 2, output 0, 0.bias: 1, expected 1, bound 1e-08"
    assert [name for _, name in drawn.samples] == ["sample 1", "sample 2"]
    assert "rows 3 to 4 of 40" in drawn.caption


def test_a_diagram_has_every_layer_and_every_shape() -> None:
    """Nested ones in a frame, branches side by side, and nothing sticks out."""
    drawn = diagram(CASE)
    texts = [box.text for box in drawn.boxes]
    assert texts.count("Linear(2, 3)") == 1
    assert {"x + …", "branches, joined", "LeakyReLU(negative_slope=0.5)", "X (4, 2)", "f (4, 3)"} <= set(texts)
    one, two = (next(box for box in drawn.boxes if box.text == f"Linear(3, {n})") for n in (1, 2))
    assert one.x + one.width < two.x
    assert all(box.x >= 0 and box.x + box.width <= drawn.width + 1e-9 for box in drawn.boxes)
    assert all(box.y >= 0 and box.y + box.height <= drawn.height + 1e-9 for box in drawn.boxes)
    assert [arrow.text for arrow in drawn.arrows].count("(3,)") == 4


@pytest.mark.parametrize("family", FAMILIES)
def test_every_boundary_case_can_be_drawn(family: str) -> None:
    """With all layers and options that there are; no two boxes of one level overlap."""
    for case in boundary_cases(family, "float64"):
        drawn = diagram(case)
        leaves = [box for box in drawn.boxes if box.style != "frame"]
        for index, box in enumerate(leaves):
            for other in leaves[:index]:
                apart_x = box.x >= other.x + other.width or other.x >= box.x + box.width
                apart_y = box.y >= other.y + other.height or other.y >= box.y + box.height
                assert apart_x or apart_y, (case, box, other)


def test_a_long_network_is_cut_in_the_middle() -> None:
    """The first and the last layers, and how many there are in between."""
    layers = (*(Linear(out_features=3) for _ in range(60)), Sequential(layers=(ReLU(),)))
    drawn = diagram(Case(layers=layers, in_shape=(3,), batch_size=1))
    assert f"… {61 - MOST_LAYERS} more layers …" in [box.text for box in drawn.boxes]
    assert drawn.height < 1600


def test_bars_are_shares_of_the_largest() -> None:
    """With the counts in words."""
    drawn = bars((0, 5, 10), ("a", "b", "c"))
    assert drawn.outline == "M8 24v-13h7v13z"
    assert drawn.last == "M16 24v-24h7v24z"
    assert drawn.text == "b: 5; c: 10"
    assert bars((0, 0), ("a", "b")).text == "nothing"
