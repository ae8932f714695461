"""Tables and bars as templates draw them, and numbers as people read them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from jaccheck.reports import Outcome

Mark = Literal["", "bad", "warn", "good", "dim"]

COLOURS: dict[Outcome, Mark] = {
    outcome: "good" if outcome.is_usable else "bad" if outcome.is_wrong else "dim" for outcome in Outcome
} | {Outcome.SIDE_EFFECT: "warn", Outcome.UNDECIDED: "warn"}

BAR, TALLEST = 8, 24
"""Width of a bar with its gap, and the height of the largest, in the units of the drawing."""


@dataclass(frozen=True, slots=True)
class Bars:
    """Counts as bars beside one another: two outlines, so that the last bar can have a colour of its own."""

    outline: str
    last: str
    width: int
    text: str
    """The counts in words."""


@dataclass(frozen=True, slots=True)
class Marked:
    """Text in a cell with a colour of its own."""

    text: str
    mark: Mark


Cell = str | Marked | Bars


@dataclass(frozen=True, slots=True)
class Row:
    """A row; its first cell names it. One with `is_group` is a heading of those that follow."""

    cells: tuple[Cell, ...]
    mark: Mark = ""
    is_marked: bool = False
    """Whether it is one of those that a reader may ask for alone; those of a colour that warns are."""
    is_group: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table; columns whose title ends in a space hold text, the others numbers."""

    id: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def is_number(self, column: int) -> bool:
        """Whether a column is set flush right."""
        return not self.columns[column].endswith(" ")


def bars(counts: Sequence[int], labels: Sequence[str]) -> Bars:
    """A bar for each count, as high as its share of the largest."""
    top = max(counts, default=0)
    outlines = [_bar(place, number / top) if number else "" for place, number in enumerate(counts)]
    text = "; ".join(f"{label}: {number:,}" for label, number in zip(labels, counts, strict=True) if number)
    return Bars("".join(outlines[:-1]), outlines[-1], BAR * len(counts), text or "nothing")


def _bar(place: int, share: float) -> str:
    """The outline of a rectangle that stands on the ground, one unit high at least."""
    height = 1 + round((TALLEST - 1) * share)
    return f"M{BAR * place} {TALLEST}v-{height}h{BAR - 1}v{height}z"


def count(number: int) -> str:
    """A number with separators."""
    return f"{number:,}"


def share(part: int, whole: int) -> str:
    """A share in per cent."""
    return f"{100 * part / whole:.1f} %" if whole else "–"


def listed(names: Iterable[str], most: int = 4) -> str:
    """The first names, and how many more there are."""
    found = list(names)
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more
