"""Choosing among known names, and by number."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from jaccheck.errors import UnknownName

MUTANT = "mutant:"
"""The prefix of the names of mutants."""

LISTED = 30
"""How many names are listed where none is close."""

MOST = 10**9
"""Of whatever is counted or measured in seconds: thirty years, or more than any machine does. Larger is a mistake."""


def chosen(kind: str, asked: tuple[str, ...], known: Sequence[str]) -> tuple[str, ...]:
    """The names that were asked for, or all known names if none was. Raises UnknownName."""
    for name in asked:
        if name not in known:
            raise unknown(kind, name, known)
    return asked or tuple(known)


def unknown(kind: str, name: str, known: Iterable[str]) -> UnknownName:
    """The error for an unknown name; it names the closest known one."""
    known = list(known)
    if close := difflib.get_close_matches(str(name), known, n=1):
        return UnknownName(f"{kind} {name!r} is not known; did you mean {close[0]}?")
    more = f" and {len(known) - LISTED} more" if len(known) > LISTED else ""
    return UnknownName(f"{kind} {name!r} is not known; there is {', '.join(known[:LISTED])}{more}")


def whole_number(text: str) -> int | None:
    """The number that the text is, from 0 to `MOST`; None where it is none."""
    # Of more digits than this, Python refuses to make a number; and of "²", which is a digit, too.
    return int(text) if text.isdecimal() and len(text) <= len(str(MOST)) and int(text) <= MOST else None
