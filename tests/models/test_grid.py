"""The cells of a picture stand for every entry, and for the largest where they stand for several."""

from __future__ import annotations

import numpy as np
import pytest

from jaccheck.rendering import Grid, Size, colour_limit, grid_of
from jaccheck.rendering.parameter_groups import MOST_GROUPS, groups_of

SHAPES = {"0.weight": (7, 10), "0.bias": (7,), "2.weight": (5, 7), "2.bias": (5,)}
SIZES = [Size(), Size(rows=20, columns=50), Size(rows=7, columns=9), Size(rows=1, columns=1)]


def pooled(grid: Grid, matrix: np.ndarray, *cuts: int) -> np.ndarray:
    """The cells of a matrix that comes in pieces, cut before these rows."""
    cells = grid.blank()
    for first, rows in zip((0, *cuts), np.split(matrix, cuts), strict=True):
        grid.pool(cells, rows, first)
    return cells


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_every_entry_has_its_cell(size: Size) -> None:
    """An entry that is the only one not zero is alone in the cell that `cell_of` names, with its sign."""
    grid = grid_of(15, 5, SHAPES, size)
    column = 0
    for name, shape in SHAPES.items():
        for inner in np.ndindex(shape):
            for n, c in [(0, 0), (7, 4), (14, 2)]:
                matrix = np.zeros((75, 117))
                matrix[n * 5 + c, column] = -2.0
                cells = pooled(grid, matrix)
                place = grid.cell_of(name, (n, c, *inner))
                assert cells[place] == -2.0
                assert np.count_nonzero(cells) == 1
            column += 1


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_largest_of_a_cell_is_seen(size: Size) -> None:
    """Each cell holds an entry of the matrix, no entry of it is larger, and NaN is the largest of all."""
    grid = grid_of(15, 5, SHAPES, size)
    matrix = np.random.default_rng(0).standard_normal((75, 117))
    matrix[74, 116] = np.nan
    cells = pooled(grid, matrix)
    rows, columns = [*grid.rows, 75], [*grid.columns, 117]
    for i in range(len(grid.rows)):
        for j in range(len(grid.columns)):
            block = matrix[rows[i] : rows[i + 1], columns[j] : columns[j + 1]]
            if np.isnan(block).any():
                assert np.isnan(cells[i, j])
            else:
                assert cells[i, j] == block.flat[np.argmax(np.abs(block))]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_pieces_make_the_same_picture(size: Size) -> None:
    """Jacobians that are computed part by part are drawn as if they came at once, also where a cut is within a cell."""
    grid = grid_of(15, 5, SHAPES, size)
    matrix = np.random.default_rng(1).standard_normal((75, 117))
    matrix[3, 3] = np.nan
    np.testing.assert_array_equal(pooled(grid, matrix, 1, 12, 13, 60), pooled(grid, matrix))


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_bands_are_whole_parameters_and_samples(size: Size) -> None:
    """Borders lie where a parameter or a sample ends; each parameter has a column, and none is shared."""
    grid = grid_of(15, 5, SHAPES, size)
    parameters, samples = grid.parameters(), grid.samples()
    assert [band.label for band in parameters] == list(SHAPES)
    for bands, cells in ((parameters, len(grid.columns)), (samples, len(grid.rows))):
        assert [band.start for band in bands[1:]] == [band.stop for band in bands[:-1]]
        assert (bands[0].start, bands[-1].stop) == (0, cells)
        assert all(band.start < band.stop for band in bands)
    assert all(grid.rows[band.start] % grid.C == 0 for band in samples)
    assert samples[0].label in ("0", "0-1", "0-2", "0-14")


def test_what_fits_is_not_reduced() -> None:
    """And says nothing; what was reduced says by how much at most."""
    assert grid_of(15, 5, SHAPES, Size()).reduction == ""
    assert grid_of(15, 5, SHAPES, Size(rows=1, columns=1)).reduction.endswith("of up to 75 × 70")


def test_a_wrong_number_leaves_the_right_ones_visible() -> None:
    """Colours reach as far as the more modest of two maps, whatever is infinite or NaN in either."""
    right = np.array([[1.0, -3.0]])
    assert colour_limit(right, np.array([[1e30, np.inf]])) == 3.0
    assert colour_limit(np.array([[np.nan, 0.5]]), right) == 0.5
    assert colour_limit(np.zeros((1, 2))) == 1.0
    assert colour_limit(right, right * (1 + 2**-10)) == 3 * (1 + 2**-10)


def shapes_of(*names: str) -> dict[str, tuple[int, ...]]:
    return dict.fromkeys(names, (2, 3))


def test_few_parameters_are_named_each() -> None:
    """With their shapes."""
    assert [(group.label, group.size) for group in groups_of({"0.weight": (2, 3), "scale": ()})] == [
        ("0.weight", "2×3"),
        ("scale", "scalar"),
    ]


@pytest.mark.parametrize("layers", [6, 12, 30, 500])
def test_many_parameters_are_named_by_their_modules(layers: int) -> None:
    """At most twenty groups, which hold every parameter once and in order; one alone keeps its own name."""
    kinds = ("self_attn.in_proj_weight", "self_attn.out_proj.weight", "linear1.weight", "norm1.weight")
    shapes = shapes_of("position", *(f"layers.{i}.{kind}" for i in range(layers) for kind in kinds), "head.weight")
    groups = groups_of(shapes)
    assert len(groups) <= MOST_GROUPS
    assert [name for group in groups for name in group.names] == list(shapes)
    assert sum(group.numbers for group in groups) == 6 * len(shapes)
    if layers == 12:
        assert [group.label for group in groups] == ["position", *(f"layers.{i}" for i in range(layers)), "head.weight"]
        assert groups[1].size == "4 parameters, 24 numbers"


def test_modules_side_by_side_are_put_together_where_there_are_too_many() -> None:
    """The label names the first and the last of them."""
    groups = groups_of(shapes_of(*(f"{i}.weight" for i in range(50))))
    assert len(groups) == 13
    assert groups[0].label == "0 … 3"
    assert groups[-1].label == "48 … 49"


def test_groups_share_the_columns() -> None:
    """No cell spans two groups, and the cell of an entry is in the columns of its group."""
    shapes = shapes_of(*(f"layers.{i}.{kind}" for i in range(15) for kind in ("a.weight", "a.bias", "b.weight")))
    grid = grid_of(2, 1, shapes, Size(rows=4, columns=60))
    bands = {band.label: band for band in grid.parameters()}
    assert list(bands) == [f"layers.{i}" for i in range(15)]
    for name in shapes:
        _, column = grid.cell_of(name, (0, 0, 1, 2))
        band = bands[".".join(name.split(".")[:2])]
        assert band.start <= column < band.stop
