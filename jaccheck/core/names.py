"""Choosing among known names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from jaccheck.errors import UnknownName

MUTANT = "mutant:"
"""The prefix of the names of mutants."""

MOST = 30
"""How many names are listed where none is close."""


def chosen(kind: str, asked: tuple[str, ...], known: Sequence[str]) -> tuple[str, ...]:
    """The names that were asked for, or all known names if none was. Raises UnknownName."""
    for name in asked:
        if name not in known:
            raise unknown(kind, name, known)
    return asked or tuple(known)


def unknown(kind: str, name: str, known: Iterable[str]) -> UnknownName:
    """The error for an unknown name; it names the closest known one."""
    known = list(known)
    if close := difflib.get_close_matches(name, known, n=1):
        return UnknownName(f"{kind} {name!r} is not known; did you mean {close[0]}?")
    more = f" and {len(known) - MOST} more" if len(known) > MOST else ""
    return UnknownName(f"{kind} {name!r} is not known; there is {', '.join(known[:MOST])}{more}")
