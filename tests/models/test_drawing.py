"""What is drawn is what was computed: arrays, borders, names and colours on matplotlib's axes, and in a terminal."""

from __future__ import annotations

import io
from collections import OrderedDict
from dataclasses import replace

import numpy as np
import pytest
import torch
from jaccheck_support.testing import tutorial
from rich.console import Console
from torch import nn

import jaccheck
from jaccheck.case import Case
from jaccheck.errors import InvalidRequest
from jaccheck.methods import problem_of
from jaccheck.models import methods_of, picture_of_model
from jaccheck.rendering import Picture, Size, draw_picture, print_picture


@pytest.fixture(scope="module")
def wrong() -> Picture:
    """A method with one wrong entry, beside the closed form."""
    return picture_of_model(problem_of(*tutorial()), methods_of(["mutant:one_wrong_entry"]))


def test_the_axes_hold_the_arrays(wrong: Picture) -> None:
    """Each panel's cells, with zero in the middle of the colours, and Jacobians that can be compared by eye."""
    axes = draw_picture(wrong).axes
    for ax, panel in zip(axes, wrong.panels, strict=False):
        (image,) = ax.images
        np.testing.assert_array_equal(image.get_array(), panel.values)
        low, high = image.get_clim()
        assert low == -high
        assert ax.get_title(loc="left") == panel.title
    assert axes[0].images[0].get_clim() == axes[1].images[0].get_clim()
    assert axes[2].images[0].get_clim() == (-1, 1)
    assert [ax.get_ylabel() for ax in axes[3:]] == [
        "derivative of the output by the parameter",
        "in units of the bound: beyond ±1 is wrong",
    ]


def test_parameters_and_samples_have_names_and_borders(wrong: Picture) -> None:
    """At their first and middle columns; the largest difference is ringed in each panel."""
    figure = draw_picture(wrong)
    ax = figure.axes[0]
    assert [label.get_text().replace("\n", " ").split()[0] for label in ax.get_xticklabels()] == [
        "0.weight",
        "0.bias",
        "2.weight",
        "2.bias",
    ]
    lines = [line.get_xydata() for line in ax.lines]
    upright = {x[0, 0] for x in lines if len(x) == 2 and x[0, 0] == x[1, 0]}
    level = {x[0, 1] for x in lines if len(x) == 2 and x[0, 1] == x[1, 1]}
    assert upright == {69.5, 76.5, 111.5}
    assert level == {5 * n - 0.5 for n in range(1, 15)}
    assert [label.get_text() for label in ax.get_yticklabels()] == [f"n = {n}" for n in range(15)]
    assert wrong.worst is not None
    rings = [tuple(x[0, ::-1]) for x in lines if len(x) == 1]
    assert rings == [wrong.worst.cell]
    assert "the ring marks" in figure.get_suptitle()
    assert wrong.notes[0] in figure.get_suptitle()


def test_nan_has_a_colour_of_its_own() -> None:
    """And the figure says which."""
    picture = picture_of_model(problem_of(*tutorial()), methods_of(["mutant:nan_in_last_parameter"]))
    figure = draw_picture(picture)
    image = figure.axes[0].images[0]
    drawn = image.to_rgba(image.get_array())
    nan = np.isnan(picture.panels[0].values)
    assert nan.sum() == 1
    assert np.all(drawn[nan] < 0.2 + np.array([0, 0, 0, 1]))
    assert "black is NaN" in figure.get_suptitle()


def test_names_are_no_formulas(case: Case) -> None:
    """matplotlib reads what stands between dollars; names of files and models are drawn as they stand."""
    hostile = "$\\frac{\x1b]0;$"
    figure = jaccheck.plot(replace(case, family=hostile))
    figure.canvas.draw()
    assert r"\$\frac{\x1b]0;\$" in figure.get_suptitle()
    model = nn.Sequential(OrderedDict({hostile.replace(".", ""): nn.Linear(3, 2)}))
    figure = jaccheck.plot(model, torch.ones(4, 3))
    figure.canvas.draw()
    assert figure.axes[0].get_xticklabels()[0].get_text().startswith(r"\$\frac{")


def lines_of(picture: Picture, **options: object) -> list[str]:
    """What a terminal of 120 columns gets."""
    out = io.StringIO()
    print_picture(picture, Console(file=out, width=120, **options))  # type: ignore[arg-type]
    return out.getvalue().splitlines()


def test_without_colours_signs_say_it(wrong: Picture) -> None:
    """No escape codes; a sign for each cell, and the one that is beyond its bound stands out."""
    lines = lines_of(wrong)
    assert "\x1b" not in "".join(lines)
    rows = [line[9:].replace("│", "") for line in lines if line[9:] and set(line[9:]) <= set("=-.+#!│")]
    assert len(rows) == 3 * 75
    assert wrong.worst is not None
    row, column = wrong.worst.cell
    assert "".join(rows[150:]).count("!") == 1
    assert rows[150 + row][column] == "!"
    signs = {-1.0: "-=", 0.0: ".", 1.0: "+#"}
    for cells, text in zip(wrong.panels[1].values, rows[75:150], strict=True):
        assert all(sign in signs[float(np.sign(cell))] for cell, sign in zip(cells, text, strict=True))


def test_a_terminal_gets_two_rows_in_a_line() -> None:
    """Half blocks, upper row in the foreground and lower row in the background; no line is wider than the terminal."""
    picture = picture_of_model(problem_of(*tutorial()), size=Size(rows=40, columns=60))
    lines = lines_of(picture, force_terminal=True, color_system="truecolor")
    blocks = [line.count("▀") for line in lines if "▀" in line]
    assert blocks == [len(picture.grid.columns)] * ((len(picture.grid.rows) + 1) // 2)
    zero = "38;2;247;247;247;48;2;247;247;247"
    assert zero in "".join(lines)


def test_plot_takes_models_cases_and_findings(case: Case) -> None:
    """In a notebook the figure is the value; a figure that is given is drawn into."""
    from matplotlib.figure import Figure

    model, X = tutorial()
    given = Figure()
    assert jaccheck.plot(model, X, methods=["sqrt_ggn_sum"], figure=given) is given
    assert len(given.axes) == 5
    figure = jaccheck.plot(case)
    assert len(figure.axes) == 2
    # What IPython asks a value for, also where nothing has set up pyplot.
    assert figure._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda case: jaccheck.plot(tutorial()[0]), "lacks its batch"),
        (lambda case: jaccheck.plot(case, torch.ones(2)), "X goes with a model only"),
        (lambda case: jaccheck.plot("case"), "expected a model and X, a Case, or a Finding"),
        (lambda case: jaccheck.plot(case, methods=["hooks"] * 3), "a picture has one, or two"),
    ],
)
def test_plot_refuses_what_it_cannot_draw(case: Case, call: object, complaint: str) -> None:
    """In one line."""
    with pytest.raises(InvalidRequest, match=complaint):
        call(case)  # type: ignore[operator]


def test_a_transformer_is_drawn_in_groups_of_parameters() -> None:
    """Seventy-four parameters in seven groups, in a terminal of eighty columns and on matplotlib's axes."""
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 8, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 6, enable_nested_tensor=False)
    model = nn.Sequential(encoder, nn.Flatten(), nn.Linear(24, 2)).eval()
    picture = picture_of_model(problem_of(model, torch.randn(2, 3, 8)), size=Size(rows=8, columns=60))
    names = [*(f"0.layers.{i}" for i in range(6)), "2"]
    assert [band.label for band in picture.parameters] == names
    out = io.StringIO()
    print_picture(picture, Console(file=out, width=80))
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= 100
    assert len(lines) < 20
    numbers = sum(p.numel() for p in layer.parameters())
    assert [line for line in lines if "0.layers.3" in line][-1].endswith(f"12 parameters, {numbers:,} numbers")
    ticks = draw_picture(picture).axes[0].get_xticklabels()
    assert [tick.get_text().split()[0] for tick in ticks] == names
