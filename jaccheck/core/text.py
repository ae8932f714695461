"""`printable`: foreign text that is safe in a terminal; quantities with their units."""

from __future__ import annotations

from collections.abc import Callable


def printable(text: str) -> str:
    """The text with each control character written out, except line ends and tabs."""
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() or sign in "\n\t" else sign.encode("unicode_escape").decode() for sign in text
    )


def text_of(error: BaseException, way: Callable[[BaseException], str] = str) -> str:
    """What an exception says, or its `repr` by that way; a class of somebody else's may raise instead of saying it."""
    try:
        return way(error)
    except (Exception, SystemExit) as other:
        return f"a text that cannot be read: {type(other).__name__}"


def cut(text: str, longest: int) -> str:
    """The text as far as there is room for it, cut between words, with a mark where something is missing."""
    return text if len(text) <= longest else f"{text[:longest].rpartition(' ')[0]} …"


def plural(number: int, word: str, words: str = "") -> str:
    """A number and what it counts."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {words or f'{word}s'}"


def is_are(number: int) -> str:
    """The verb that goes with so many."""
    return "is" if number == 1 else "are"


def some_are(number: int, total: int, word: str, words: str = "") -> str:
    """So many of all: `1 of 30 entries is`."""
    return f"{number:,} of {plural(total, word, words)} {is_are(number)}"


def bytes_text(count: int) -> str:
    """A number of bytes with a fitting unit."""
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return plural(count, "byte")


def duration_text(seconds: float) -> str:
    """How long a run took, as people say it: `34 min` and not `2033.4 s`."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 10:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def seconds_text(seconds: float) -> str:
    """The time of a call, with three digits and a fitting unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{_three_digits(seconds / size)} {unit}"
    return f"{_three_digits(seconds * 1e6)} µs"


def _three_digits(value: float) -> str:
    """All of them, also where they are zeros, which say how well a time is known."""
    return f"{value:.{0 if value >= 99.5 else 1 if value >= 9.95 else 2}f}"


def extra(name: str) -> str:
    """How to install an extra of jaccheck, which is on no index."""
    return f"pip install '.[{name}]' in a checkout of jaccheck"
