"""Nothing reads data out of a message: what a program needs of a failure is in fields of their own."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "jaccheck"

MESSAGES = ("message", "reason")
"""Attributes that hold a sentence for people."""

CUTS = {
    *("startswith", "endswith", "partition", "rpartition", "split", "rsplit", "splitlines", "removeprefix"),
    *("removesuffix", "replace", "find", "rfind", "index", "count"),
}
SEARCHES = {"search", "match", "fullmatch", "findall", "finditer", "sub", "split"}


def _is_message(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in MESSAGES


def readings(tree: ast.AST) -> Iterator[int]:
    """The lines on which a message is cut, searched, or asked what it contains."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr=attr, value=value)) if attr in CUTS and _is_message(value):
                yield node.lineno
            case ast.Call(func=ast.Attribute(attr=attr, value=ast.Name(id="re")), args=args) if attr in SEARCHES:
                if any(map(_is_message, args)):
                    yield node.lineno
            case ast.Compare(ops=[ast.In() | ast.NotIn()], comparators=[value]) if _is_message(value):
                yield node.lineno
            case ast.Subscript(value=value) if _is_message(value):
                yield node.lineno


def test_no_message_is_read_as_data() -> None:
    """In the whole source."""
    found = {
        str(path.relative_to(ROOT)): lines
        for path in sorted(ROOT.rglob("*.py"))
        if (lines := list(readings(ast.parse(path.read_text(encoding="utf-8")))))
    }
    assert found == {}


@pytest.mark.parametrize(
    "line",
    [
        "crash.reason.startswith('no answer')",
        "re.search(pattern, failure.message)",
        "'other tensors' not in failure.message",
        "failure.message.partition('layer ')[2]",
        "failure.message[:3]",
    ],
)
def test_a_reading_is_seen(line: str) -> None:
    """What the source held once."""
    assert list(readings(ast.parse(line))) == [1]
