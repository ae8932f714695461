"""A `Picture` in a terminal: two rows of cells in a line of half blocks, in colours; where there are none, in signs.

Red is positive, blue negative, as in the plots. Without colours `+` and `-` say the sign, `#` and `=` the same for more
than half of the limit, `.` is zero and `!` beyond the limit.
"""

from __future__ import annotations

from string import ascii_lowercase, ascii_uppercase

import numpy as np
from rich.console import Console
from rich.style import Style
from rich.text import Text

from jaccheck.rendering.picture import Panel, Picture, Size

Colour = tuple[int, int, int]

ZERO: Colour = (247, 247, 247)
POSITIVE: tuple[Colour, ...] = ((244, 165, 130), (178, 24, 43))
NEGATIVE: tuple[Colour, ...] = ((146, 197, 222), (33, 102, 172))
"""From half to the whole of the limit, as in matplotlib's RdBu."""
NO_NUMBER: Colour = (30, 30, 30)

HALF_BLOCK = "▀"
"""Its upper half in the foreground's colour, its lower half in that of the background."""

BORDER = "│"

LONGEST_KEY = 140
"""Letters of the key in one line; a longer one has a line for each group."""

MARGIN = 9
"""Columns for the numbers of samples."""


def terminal_size(console: Console) -> Size:
    """The cells for which there is room, some columns being left for borders and for small parameters."""
    return Size(rows=40, columns=max(20, (console.width - MARGIN) * 2 // 3))


def print_picture(picture: Picture, console: Console) -> None:
    """Title, notes and every panel one above the other."""

    def line(text: str, style: str | None = None) -> None:
        console.print(text, style=style, soft_wrap=True, highlight=False, markup=False)

    line(picture.title, "bold")
    for note in picture.notes:
        line(note)
    in_colour = console.color_system is not None
    for panel in picture.panels:
        line("")
        line(f"{panel.title} ({_scale(panel, in_colour=in_colour)})", "bold")
        for row in _in_colour(panel, picture) if in_colour else _in_signs(panel, picture):
            console.print(row, soft_wrap=True, overflow="ignore", no_wrap=True)
        ruler, key = _names(picture)
        line(ruler)
    one_line = f"columns: {', '.join(key)}"
    for text in (one_line,) if len(one_line) <= LONGEST_KEY else ("columns:", *(f"  {each}" for each in key)):
        line(text)


def _scale(panel: Panel, *, in_colour: bool) -> str:
    """Which colours or signs stand for what."""
    scale = f"{'blue to red' if in_colour else '= - . + #'}: -{panel.limit:.3g} to {panel.limit:.3g}"
    if panel.is_beyond and not in_colour:
        scale += ", ! beyond"
    if np.isnan(panel.values).any():
        scale += ", black is NaN" if in_colour else ", ? NaN"
    return scale


def _in_colour(panel: Panel, picture: Picture) -> list[Text]:
    colours = [[_colour(value / panel.limit) for value in row] for row in panel.values]
    lines = []
    for index in range(0, len(colours), 2):
        upper = colours[index]
        lower: list[Colour] | list[None] = colours[index + 1] if index + 1 < len(colours) else [None] * len(upper)
        text = Text(_row_label(picture, index, 2))
        for band in picture.parameters:
            text.append(BORDER if band.start else "")
            for above, below in zip(upper[band.start : band.stop], lower[band.start : band.stop], strict=True):
                text.append(HALF_BLOCK, Style(color=_css(above), bgcolor=_css(below) if below else None))
        lines.append(text)
    return lines


def _in_signs(panel: Panel, picture: Picture) -> list[Text]:
    lines = []
    for index, row in enumerate(panel.values):
        parts = ["".join(_sign(value / panel.limit) for value in row[b.start : b.stop]) for b in picture.parameters]
        lines.append(Text(_row_label(picture, index, 1) + BORDER.join(parts)))
    return lines


def _colour(value: float) -> Colour:
    """That of a share of the limit."""
    if np.isnan(value):
        return NO_NUMBER
    half, full = POSITIVE if value > 0 else NEGATIVE
    size = min(abs(value), 1.0)
    start, end, share = (ZERO, half, 2 * size) if size < 0.5 else (half, full, 2 * size - 1)
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(start, end, strict=True))
    return red, green, blue


def _css(colour: Colour) -> str:
    return f"rgb({colour[0]},{colour[1]},{colour[2]})"


def _sign(value: float) -> str:
    if np.isnan(value):
        return "?"
    if value == 0 or abs(value) > 1:
        return "!" if value else "."
    weak, strong = ("+", "#") if value > 0 else ("-", "=")
    return strong if abs(value) > 0.5 else weak


def _row_label(picture: Picture, index: int, rows: int) -> str:
    """The sample whose first row of cells is among so many from `index` on."""
    found = next((band.label for band in picture.samples if index <= band.start < index + rows), None)
    return f"{'' if found is None else f'n={found}':>{MARGIN - 1}} "


def _names(picture: Picture) -> tuple[str, list[str]]:
    """What stands below the columns, a group's name or a letter for it; and the key with all names and sizes."""
    letters = iter(ascii_lowercase + ascii_uppercase)
    below, key = [], []
    for band, group in zip(picture.parameters, picture.grid.groups, strict=True):
        width = band.stop - band.start
        fits = len(band.label) <= width
        label = band.label if fits else next(letters)
        below.append(label[:width].center(width))
        key.append(f"{band.label} {group.size}" if fits else f"{label}: {band.label} {group.size}")
    return " " * MARGIN + BORDER.join(below), key
