"""The other methods of a sequence: those that a step can afford."""

from __future__ import annotations

from jaccheck.sequences.others import exact_methods


def test_methods_that_are_asked_by_name_alone_are_in_no_sequence() -> None:
    """What torch.compile makes is too slow for a step of many, and leaves marks on parameters."""
    assert exact_methods()
    assert not any(each.only_by_name for each in exact_methods())
