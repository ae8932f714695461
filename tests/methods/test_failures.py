"""What an exception of somebody else's says is told, whatever its class does when it is asked."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from jaccheck.core import text_of
from jaccheck.methods.failures import failure
from jaccheck.reports import raised


def _raises(error: BaseException) -> Callable[[object], str]:
    def text(self: object) -> str:
        raise error

    return text


WAYS: dict[str, Callable[[object], object]] = {
    "raises": _raises(KeyError("x")),
    "exits": lambda self: sys.exit(0),
    "is no text": lambda self: 7,
    "has no end": lambda self: str(self),
    "is empty": lambda self: "",
}


@pytest.mark.parametrize("name", WAYS)
def test_its_class_and_what_can_be_read_are_told(name: str) -> None:
    """Nothing that it raises comes out, neither of its text nor of its `repr`."""
    error = type("Mine", (Exception,), {"__str__": WAYS[name], "__repr__": WAYS["raises"]})()
    said = "" if name == "is empty" else "a text that cannot be read"
    assert said in text_of(error)
    assert failure(error).startswith("Mine")
    assert said in failure(error)
    assert raised(error).error_type == "Mine"
    assert "a text that cannot be read" in raised(error).error_text
