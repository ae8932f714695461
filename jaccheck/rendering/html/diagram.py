"""`diagram`: the network of a case as boxes and arrows, from top to bottom; branches stand side by side."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from jaccheck.case import Case, Layer, Placed, Residual
from jaccheck.core import plural

_LETTER, _HEIGHT, _GAP, _PAD = 7.3, 30, 30, 14
MOST_LETTERS = 44
MOST_LAYERS = 18
"""Of a longer run only the first and last layers are drawn."""

Style = Literal["end", "weighted", "plain", "frame", "left out"]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle with a text: a layer, or the frame around several."""

    x: float
    y: float
    width: float
    height: float
    text: str
    style: Style


@dataclass(frozen=True, slots=True)
class Arrow:
    """A line downwards, with the shape that goes along it; one with `around` goes around the layers that it skips."""

    x: float
    y: float
    length: float
    text: str = ""
    around: float = 0.0


@dataclass(frozen=True, slots=True)
class Diagram:
    """What is drawn, of the whole or of a part, and how large it is; `text` says the same in words."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    leaving: str = ""
    """The shape of a sample behind it."""
    text: str = ""


def diagram(case: Case) -> Diagram:
    """The network of a case, from its input X to its output f, with the shapes in between."""
    places = {place.path: place for place in case.places()}
    first, last = f"X {(case.batch_size, *case.in_shape)}", f"f {(case.batch_size, case.outputs)}"
    drawn = _stacked([_box(first, "end"), *_run(case.layers, "", places), _box(last, "end")])
    labels = [_label(place) for place in places.values() if not place.layer.runs]
    return replace(drawn, text=" → ".join([first, *labels, last]))


def _run(layers: tuple[Layer, ...], prefix: str, places: dict[str, Placed]) -> list[Diagram]:
    drawn = [_layer(places[f"{prefix}{index}"], places) for index in range(len(layers))]
    if len(drawn) > MOST_LAYERS:
        half = MOST_LAYERS // 2
        drawn[half:-half] = [_box(f"… {plural(len(drawn) - 2 * half, 'more layer')} …", "left out")]
    return drawn


def _layer(place: Placed, places: dict[str, Placed]) -> Diagram:
    runs = [_run(layers, f"{place.path}.{name}", places) for name, layers in place.layer.runs]
    if not runs:
        return _box(_label(place), "weighted" if place.parameters else "plain", str(place.out_shape))
    inside = _side_by_side([_stacked(run) for run in runs])
    skips = isinstance(place.layer, Residual)
    title, top, below = _label(place), 18 + _PAD, _PAD + 10 * skips
    width = max(inside.width + (4 if skips else 2) * _PAD + 24 * skips, len(title) * _LETTER + 2 * _PAD)
    height = top + inside.height + below
    moved = _moved(inside, (width - inside.width) / 2, top)
    middle, end = width / 2, top + inside.height
    ways = (
        Arrow(middle, 0, top),
        Arrow(middle, end, below),
        Arrow(middle, 10, end + 6, around=inside.width / 2 + _PAD),
    )
    around = ways if skips else ()
    frame = Box(0, 0, width, height, title, "frame")
    return Diagram(width, height, (frame, *moved.boxes), (*moved.arrows, *around), str(place.out_shape))


def _label(place: Placed) -> str:
    return place.layer.label(place.in_shape)


def _box(text: str, style: Style, leaving: str = "") -> Diagram:
    shown = text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS - 1]}…"
    width = len(shown) * _LETTER + 24
    return Diagram(width, _HEIGHT, (Box(0, 0, width, _HEIGHT, shown, style),), (), leaving)


def _stacked(parts: list[Diagram]) -> Diagram:
    """One below the other, with arrows between them."""
    width = max((part.width for part in parts), default=_PAD)
    boxes: list[Box] = []
    arrows: list[Arrow] = []
    y = 0.0
    for index, part in enumerate(parts):
        if index:
            arrows.append(Arrow(width / 2, y, _GAP, parts[index - 1].leaving))
            y += _GAP
        moved = _moved(part, (width - part.width) / 2, y)
        boxes += moved.boxes
        arrows += moved.arrows
        y += part.height
    return Diagram(width, y, tuple(boxes), tuple(arrows))


def _side_by_side(parts: list[Diagram]) -> Diagram:
    boxes: list[Box] = []
    arrows: list[Arrow] = []
    x, height = 0.0, max(part.height for part in parts)
    for part in parts:
        moved = _moved(part, x, (height - part.height) / 2)
        boxes += moved.boxes
        arrows += moved.arrows
        x += part.width + _PAD
    return Diagram(x - _PAD, height, tuple(boxes), tuple(arrows))


def _moved(part: Diagram, x: float, y: float) -> Diagram:
    boxes = tuple(replace(box, x=box.x + x, y=box.y + y) for box in part.boxes)
    return replace(part, boxes=boxes, arrows=tuple(replace(a, x=a.x + x, y=a.y + y) for a in part.arrows))
