"""Plots of a report of times: time and memory against the size of the Jacobian. Needs matplotlib, an optional extra."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jaccheck.core import printable
from jaccheck.errors import UnreadableFile
from jaccheck.reports import REGIMES, BenchCell, BenchReport, Regime

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_LINES = 6
"""More cannot be told apart."""

BASELINE, CONVOLUTIONAL = "autograd_loop", "cnn"

# Okabe and Ito's colours, which people who are colour-blind tell apart too; each with a marker of its own.
STYLES = (
    ("#D55E00", "o"),
    ("#0072B2", "s"),
    ("#009E73", "^"),
    ("#CC79A7", "D"),
    ("#E69F00", "v"),
    ("#56B4E9", "P"),
)
FLOOR_COLOUR = "#555555"

FLOORS: dict[Regime, str] = {"fresh": "floor: allocate and fill", "reused": "floor: fill again"}

Points = list[tuple[float, float]]


def plot_bench(report: BenchReport, directory: Path) -> tuple[Path, ...]:
    """The files written, PNG and SVG: time in each regime and peak memory, for each dtype and device of the report.

    The convolutional network is left out: it does more work for each byte, and would look like a jump in the lines.
    """
    written: list[Path] = []
    for dtype, device, figure in figures(report):
        written += _save(figure, directory, f"bench-{dtype}-{device.replace(':', '-')}")
    return tuple(written)


def use_own_style() -> None:
    """Has the figures of a command drawn as matplotlib does by itself.

    It reads a `matplotlibrc` of the working directory, which may have come with somebody else's files, and which may
    ask for programs (`text.usetex`).
    """
    import matplotlib

    matplotlib.rcdefaults()


def figures(report: BenchReport) -> Iterator[tuple[str, str, Figure]]:
    """A figure for each dtype and device of the report."""
    import matplotlib

    matplotlib.use("Agg")
    use_own_style()
    for dtype, device in dict.fromkeys((cell.dtype, cell.device) for cell in report.cells):
        cells = [c for c in report.cells if (c.dtype, c.device) == (dtype, device)]
        cells = [c for c in cells if not c.axis and c.shape != CONVOLUTIONAL]
        cells = sorted((c for c in cells if c.fresh_floor or c.reused_floor), key=lambda cell: cell.jacobian_bytes)
        if cells:
            title = f"{dtype} on {device}, torch {report.environment.torch}, threads: {report.threads}"
            yield dtype, device, draw(cells, title)


def svg(figure: Figure) -> str:
    """The figure as SVG, with its text as text."""
    import matplotlib

    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "jaccheck"}):
        written = io.StringIO()
        figure.savefig(written, format="svg", metadata={"Date": None})
    return written.getvalue()


def draw(cells: Sequence[BenchCell], title: str) -> Figure:
    """Three panels that share the sizes: time in fresh memory, in reused memory, peak memory."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter

    figure = Figure(figsize=(13, 5.2), layout="constrained")
    axes = figure.subplots(1, 3)
    names = chosen(cells)
    for ax, regime in zip(axes, REGIMES, strict=False):
        lines = {name: _times(cells, name, regime) for name in names}
        floors = [(float(cell.jacobian_bytes), floor.median_s) for cell in cells if (floor := cell.floor(regime))]
        _panel(ax, lines, floors, FLOORS[regime])
        ax.set_title(f"time, {regime} memory", fontsize=10, loc="left")
        ax.set_ylabel("time of one call (median)")
        ax.yaxis.set_major_formatter(EngFormatter("s"))
    _panel(axes[2], {name: _peaks(cells, name) for name in names}, _sizes(cells), "the Jacobian itself")
    axes[2].set_title("peak memory of one call", fontsize=10, loc="left")
    axes[2].set_ylabel("memory")
    axes[2].yaxis.set_major_formatter(EngFormatter("B"))
    for ax in axes:
        _name_shapes(ax, cells)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=max(len(labels), 1), frameon=False, fontsize=9)
    figure.suptitle(label(title), fontsize=11)
    return figure


def chosen(cells: Sequence[BenchCell]) -> list[str]:
    """The methods that are drawn: the loop, and those that are among the best three anywhere, best first."""
    places: dict[str, list[int]] = {}
    for cell in cells:
        for regime in REGIMES:
            for place, m in enumerate(cell.ranked(regime)):
                places.setdefault(m.method, []).append(place)
    order = sorted(places, key=lambda name: (min(places[name]), sum(places[name]) / len(places[name])))
    best = [name for name in order if name != BASELINE][: MOST_LINES - 1]
    return [*best, BASELINE] if BASELINE in places else best


def _times(cells: Sequence[BenchCell], name: str, regime: Regime) -> Points:
    return [(float(cell.jacobian_bytes), median) for cell in cells if (median := cell.median(name, regime))]


def _peaks(cells: Sequence[BenchCell], name: str) -> Points:
    """Of the methods that were timed, so that all panels show the same points."""
    return [
        (float(cell.jacobian_bytes), float(m.peak_bytes))
        for cell in cells
        for m in cell.methods
        if m.method == name and m.peak_bytes and (m.fresh or m.reused)
    ]


MOST_LETTERS = 80


def label(text: str, letters: int = MOST_LETTERS) -> str:
    """Text that matplotlib draws as it stands: no formula, nothing that a font cannot have, and not without end."""
    return printable(text[:letters]).replace("$", r"\$")


def _sizes(cells: Sequence[BenchCell]) -> Points:
    return [(float(cell.jacobian_bytes), float(cell.jacobian_bytes)) for cell in cells]


def _panel(ax: Axes, lines: dict[str, Points], floor: Points, what: str) -> None:
    from matplotlib.ticker import EngFormatter

    if floor:
        x, y = zip(*floor, strict=True)
        ax.plot(x, y, label="floor", color=FLOOR_COLOUR, linestyle="--", linewidth=1.5, zorder=1)
        ax.text(0.98, 0.04, f"- - {what}", transform=ax.transAxes, color=FLOOR_COLOUR, fontsize=9, ha="right")
    for (name, points), (colour, marker) in zip(lines.items(), STYLES, strict=False):
        if points:
            x, y = zip(*points, strict=True)
            ax.plot(x, y, label=label(name), color=colour, marker=marker, markersize=5, linewidth=1.6)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("size of the Jacobian")
    ax.xaxis.set_major_formatter(EngFormatter("B"))
    ax.grid(True, which="major", color="#dddddd", linewidth=0.6)
    ax.spines[["top", "right"]].set_visible(False)


def _name_shapes(ax: Axes, cells: Sequence[BenchCell]) -> None:
    """The name of each shape along the top, at its size, above all lines."""
    bottom, top = ax.get_ylim()
    ax.set_ylim(bottom / 2, top * (top / bottom) ** 0.22)
    for cell in cells:
        ax.annotate(
            label(cell.shape.replace("_", " ")),
            (cell.jacobian_bytes, 0.99),
            xycoords=("data", "axes fraction"),
            rotation=90,
            ha="center",
            va="top",
            fontsize=7.5,
            color="#777777",
        )


def _save(figure: Figure, directory: Path, name: str) -> list[Path]:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        paths = [directory / f"{name}.{ending}" for ending in ("png", "svg")]
        for path in paths:
            figure.savefig(path, dpi=130)
    except OSError as error:
        raise UnreadableFile(f"{directory}: cannot be written: {error.strerror}") from None
    return paths
