"""Text and tables that fit: prose wraps at words where a width is known, and columns go before a name is cut."""

from __future__ import annotations

import os
from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.measure import Measurement
from rich.table import Column, Table
from rich.text import Text

from jaccheck.core import printable

UNBOUNDED = 10_000
"""Columns that no table takes."""

READABLE = 24
"""Columns that a text needs to be read with ease."""

NARROWEST = 12
"""Columns that it can do with before a name is folded."""


def has_width(console: Console) -> bool:
    """Whether somebody reads at this width: on a terminal, or where COLUMNS says it; else lines stay whole for grep."""
    return console.is_terminal or known_width() is not None


def known_width() -> int | None:
    """What COLUMNS says, where somebody has set it; readline sets it together with LINES, for all that is started."""
    return None if "LINES" in os.environ else columns_of(os.environ.get("COLUMNS", ""))


def columns_of(text: str) -> int | None:
    """The width that a variable of the environment says, if it can be one."""
    is_number = text.isdecimal() and len(text) < len(str(UNBOUNDED))
    return (int(text) or None) if is_number else None


def prose(console: Console, text: str, style: str | None = None, indent: int = 0) -> None:
    """Prints sentences, wrapped at words; nothing in them is markup."""
    if not has_width(console):
        console.print(f"{' ' * indent}{text}", style=style, soft_wrap=True, highlight=False, markup=False)
        return
    for line in printable(text).split("\n"):
        for part in Text(line, style or "").wrap(console, max(console.width - indent, 20)):
            part.rstrip()
            part.pad_left(indent)
            console.print(part, highlight=False, soft_wrap=True)


def verbatim(console: Console, text: str, style: str | None = None) -> None:
    """Prints what is to be copied, a command or a case, in lines as they are."""
    console.print(text, style=style, soft_wrap=True, highlight=False, markup=False)


def heading(console: Console, title: str, style: str) -> None:
    """A title with a rule behind it, where there is room for one."""
    if len(title) + 2 < console.width:
        console.rule(title, align="left", style=style)
    else:
        prose(console, title, style)


def fitted(table: Table, console: Console, spare: Sequence[str] = ()) -> RenderableType:
    """The table without as many of the spare columns, in their order, as it takes to fit, and a line that names them.

    The first column holds names, which fold only where they are longer than half of what there is. Columns of numbers
    have `no_wrap`, those of text `overflow="fold"`.
    """
    room = console.width
    gone: list[str] = []
    for title in spare:
        if _needed(table, room) <= room:
            break
        if any(column.header == title for column in table.columns):
            table.columns = [column for column in table.columns if column.header != title]
            gone.append(title)
    table.columns[0].no_wrap = _width(table.columns[0]) <= room // 2 and _needed(table, room, NARROWEST) <= room
    widest = Measurement.get(console, console.options.update(max_width=UNBOUNDED), table).maximum
    table.width = room if widest > room else None
    if not gone:
        return table
    return Group(table, Text(f"no room for {', '.join(gone)}; a wider terminal has it", "dim"))


def _needed(table: Table, room: int, text: int = READABLE) -> int:
    """Columns that it takes so that nothing is cut, names are whole and texts can be read."""
    first, *others = table.columns
    texts = sum(_width(each) if each.no_wrap else min(_width(each), text) for each in others)
    return min(_width(first), room // 2) + texts + 3 * len(table.columns)


def _width(column: Column) -> int:
    return max(cell_len(line) for cell in (column.header, *column.cells) for line in str(cell).split("\n"))
