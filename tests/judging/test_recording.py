"""What is recorded of a forward pass, and the list of it in the documents."""

from __future__ import annotations

from pathlib import Path

from jaccheck.judging.live.recording.listing import listing

ROOT = Path(__file__).parents[2]


def test_the_documents_list_the_operations_that_are_followed() -> None:
    """As they are: where this fails, put `listing()` in its place."""
    assert f"\n\n{listing()}\n\n" in (ROOT / "docs" / "judging.md").read_text(encoding="utf-8")
