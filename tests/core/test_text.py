"""Texts are cut where a reader sees that something is missing."""

from __future__ import annotations

from jaccheck.core import cut


def test_a_text_is_cut_between_words_and_marked() -> None:
    """And left alone where there is room for it."""
    assert cut("one two three", 13) == "one two three"
    assert cut("one two three", 12) == "one two …"
