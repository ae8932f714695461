"""`printable`: foreign text that is safe in a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text with each control character written out, except line ends and tabs."""
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() or sign in "\n\t" else sign.encode("unicode_escape").decode() for sign in text
    )


def plural(number: int, word: str, words: str = "") -> str:
    """A number and what it counts."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {words or f'{word}s'}"
