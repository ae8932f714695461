"""A `Picture` drawn with matplotlib, which the extra `plot` brings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from jaccheck.core import extra
from jaccheck.errors import BrokenEnvironment
from jaccheck.rendering.picture import Band, Panel, Picture
from jaccheck.rendering.plots import label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

COLOURS = "RdBu_r"
"""Red for positive, blue for negative, nearly white for zero: people who are colour-blind tell them apart too."""

NO_NUMBER = "#222222"
"""Of cells that hold NaN."""

MARK = "#117733"
"""Of the ring around the worst entry: a green that neither end of the colours comes near."""

LABELS = {
    "jacobian": "derivative of the output by the parameter",
    "bounds": "in units of the bound: beyond ±1 is wrong",
    "difference": "plain difference",
}
"""What stands beside the colour bar of each kind of panel."""

LONGEST_LINE = 240
"""Letters of a line above the picture."""

MOST_ROW_NAMES = 18

MOST_SAMPLES = 48
"""More borders between samples would hide what lies between them."""

NAME_FONT, LETTER_IN = 8.5, 0.075
"""Size of the parameters' names, and the width in inches of one of their letters."""


def require_matplotlib() -> None:
    """Raises BrokenEnvironment, with what to install, where matplotlib is missing."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise BrokenEnvironment(f"drawing needs matplotlib, which does not import ({error}): {extra('plot')}") from None


def figure_size(picture: Picture) -> tuple[float, float]:
    """Width and height in inches at which cells are neither specks nor slabs."""
    rows, columns, panels = len(picture.grid.rows), len(picture.grid.columns), len(picture.panels)
    if _is_stacked(picture):
        return 12.0, 1.6 + panels * min(max(rows * 0.07, 1.6), 4.2)
    return panels * (min(max(columns * 0.036, 3.4), 5.5) + 1.1), 1.8 + min(max(rows * 0.06, 3.0), 7.0)


def _is_stacked(picture: Picture) -> bool:
    """Whether panels stand one above the other, since they are much wider than high."""
    return len(picture.grid.columns) > 2.2 * len(picture.grid.rows)


def draw_picture(picture: Picture, figure: Figure | None = None) -> Figure:
    """The figure with a heat map for each panel; `figure`, cleared, where one is given. Raises BrokenEnvironment."""
    require_matplotlib()
    from jaccheck.rendering.figure import ShownFigure

    stacked = _is_stacked(picture)
    if figure is None:
        figure = ShownFigure(figsize=figure_size(picture), layout="constrained")
    figure.clear()
    width = float(figure.get_size_inches()[0])
    count = len(picture.panels)
    grid = figure.subplots(*((count, 1) if stacked else (1, count)), squeeze=False, sharex=True, sharey=True)
    axes: list[Axes] = list(grid.flat)
    images = [_heat_map(ax, panel, picture) for ax, panel in zip(axes, picture.panels, strict=True)]
    for ax in axes:
        ax.tick_params(length=0)
    _name_rows(axes if stacked else axes[:1], picture)
    _name_columns(axes[-1:] if stacked else axes, picture, 0.86 * (width if stacked else width / count))
    for kind in dict.fromkeys(panel.kind for panel in picture.panels):
        _colour_bar(figure, kind, picture.panels, axes, images)
    lines = (label(line, LONGEST_LINE) for line in (picture.title, *picture.notes, *_legend(picture)))
    figure.suptitle("\n".join(lines), fontsize=10, x=0.01, ha="left")
    return figure


def _heat_map(ax: Axes, panel: Panel, picture: Picture) -> AxesImage:
    from matplotlib import colormaps

    colours = colormaps[COLOURS].with_extremes(bad=NO_NUMBER)
    image = ax.imshow(
        panel.values, cmap=colours, vmin=-panel.limit, vmax=panel.limit, aspect="auto", interpolation="nearest"
    )
    ax.set_title(label(panel.title), fontsize=10, loc="left")
    for band in picture.parameters[1:]:
        ax.axvline(band.start - 0.5, color="black", linewidth=0.9)
    if len(picture.samples) <= MOST_SAMPLES and picture.grid.C > 1:
        for band in picture.samples[1:]:
            ax.axhline(band.start - 0.5, color="black", linewidth=0.25, alpha=0.6)
    if picture.worst is not None:
        row, column = picture.worst.cell
        ax.plot(
            column, row, marker="o", markersize=11, fillstyle="none", color=MARK, markeredgewidth=1.8, clip_on=False
        )
    return image


def _colour_bar(
    figure: Figure, kind: str, panels: Sequence[Panel], axes: Sequence[Axes], images: Sequence[AxesImage]
) -> None:
    """One for all panels of a kind, which have the same colours."""
    these = [i for i, panel in enumerate(panels) if panel.kind == kind]
    beyond = any(panels[i].is_beyond for i in these)
    bar = figure.colorbar(
        images[these[0]], ax=[axes[i] for i in these], extend="both" if beyond else "neither", pad=0.015, aspect=30
    )
    bar.ax.tick_params(labelsize=8)
    bar.set_label(LABELS[kind], fontsize=8)


def _legend(picture: Picture) -> list[str]:
    words = ["the ring marks the largest difference"] if picture.worst is not None else []
    words += ["black is NaN"] if any(np.isnan(panel.values).any() for panel in picture.panels) else []
    return ["; ".join(words)] if words else []


def _name_rows(axes: Sequence[Axes], picture: Picture) -> None:
    """Sample and output of every row where there is room, else the numbers of some samples, each at its middle."""
    C, rows = picture.grid.C, picture.grid.rows
    if len(rows) <= MOST_ROW_NAMES and len(rows) == picture.grid.N * C:
        ticks, labels = [float(i) for i in range(len(rows))], [f"n = {row // C}, c = {row % C}" for row in rows]
    else:
        shown = picture.samples[:: max(1, -(-len(picture.samples) // MOST_ROW_NAMES))]
        ticks, labels = [_middle(band) for band in shown], [f"n = {band.label}" for band in shown]
    for ax in axes:
        ax.set_yticks(ticks, labels, fontsize=8)
        if len(ticks) < len(rows):
            ax.set_ylabel(f"samples n × {C} outputs c", fontsize=9)


def _name_columns(axes: Sequence[Axes], picture: Picture, width: float) -> None:
    """Name and shape of each parameter below its columns, upright where there is no room."""
    bands = picture.parameters
    names = [(label(band.label), _shape(picture, band)) for band in bands]
    cells = len(picture.grid.columns)
    rooms = [(band.stop - band.start) / cells * width for band in bands]
    upright = [room < LETTER_IN * max(map(len, name)) for name, room in zip(names, rooms, strict=True)]
    labels = [("  " if turned else "\n").join(name) for name, turned in zip(names, upright, strict=True)]
    for ax in axes:
        ax.set_xticks([_middle(band) for band in bands], labels, fontsize=NAME_FONT)
        for tick, turned in zip(ax.get_xticklabels(), upright, strict=True):
            tick.set_rotation(90 if turned else 0)


def _shape(picture: Picture, band: Band) -> str:
    group = next(group for group in picture.grid.groups if group.label == band.label)
    cells = band.stop - band.start
    return group.size if group.numbers == cells else f"{group.size} in {cells}"


def _middle(band: Band) -> float:
    return (band.start + band.stop - 1) / 2
