"""Where a test stands, and where the method that it tests is defined: what IDEs and annotations point at."""

from __future__ import annotations

import ast
import inspect
from functools import cache
from pathlib import Path

from jaccheck.core import read_text
from jaccheck.errors import JaccheckError
from jaccheck.methods import Method

Place = tuple[Path, int]
"""A file, and a line counted from 0."""


@cache
def line_of(path: Path, name: str) -> int | None:
    """The line, from 0, on which a test file assigns or imports a name; None where it cannot be told."""
    try:
        tree = ast.parse(read_text(path))
    except (SyntaxError, ValueError, JaccheckError):
        return None
    for node in tree.body:
        names: set[str] = set()
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = {target.id for target in targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.ImportFrom):
            names = {alias.asname or alias.name for alias in node.names}
        if name in names:
            return node.lineno - 1
    return None


def definition_of(method: Method) -> Place | None:
    """Where a method of somebody's own is defined; None for jaccheck's."""
    function = inspect.unwrap(method.compute)
    code = getattr(function, "__code__", None)
    if code is None or (getattr(function, "__module__", "") or "").startswith("jaccheck."):
        return None
    return Path(code.co_filename), code.co_firstlineno - 1
