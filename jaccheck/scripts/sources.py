"""The source of a method as it can stand in a script of its own: with its imports and helpers, without jaccheck.

The script then runs the very code that failed. Works on any function defined at the top of a module.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from typing import Any


def standalone_source(function: Callable[..., Any]) -> tuple[list[str], str] | None:
    """Import lines and definitions that `function` needs, its own last; None where its source cannot be had."""
    try:
        tree = ast.parse(inspect.getsource(inspect.getmodule(function)))  # type: ignore[arg-type]
    except (OSError, TypeError, SyntaxError):
        return None
    imports = dict(_imports(tree))
    definitions = dict(_definitions(tree))
    name = function.__name__
    if name not in definitions:
        return None
    needed_imports: dict[str, None] = {}
    bodies: dict[str, str] = {}
    _collect(name, imports, definitions, needed_imports, bodies)
    lines = sorted(needed_imports, key=lambda line: (line.startswith("from"), line))
    return lines, "\n\n".join(bodies.values())


def _collect(
    name: str,
    imports: dict[str, str],
    definitions: dict[str, ast.stmt],
    needed: dict[str, None],
    bodies: dict[str, str],
) -> None:
    bare = _Bare().visit(ast.parse(ast.unparse(definitions[name])).body[0])
    for used in (node.id for node in ast.walk(bare) if isinstance(node, ast.Name)):
        if used in imports:
            needed[imports[used]] = None
        elif used in definitions and used != name and used not in bodies:
            _collect(used, imports, definitions, needed, bodies)
    bodies[name] = ast.unparse(ast.fix_missing_locations(bare))


class _Bare(ast.NodeTransformer):
    """Drops decorators, annotations and docstrings, which a reader of a bug report does not need."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.decorator_list, node.returns = [], None
        if len(node.body) > 1 and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        self.generic_visit(node)
        return ast.Assign([node.target], node.value, lineno=node.lineno) if node.value else node


def _imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Each imported name with its import statement, those inside `try` too; jaccheck's own are left out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield (alias.asname or alias.name.split(".")[0]), f"import {alias.name}" + _as(alias)
        elif isinstance(node, ast.ImportFrom) and not (node.module or "").startswith(("jaccheck", "__future__")):
            for alias in node.names:
                yield (alias.asname or alias.name), f"from {node.module} import {alias.name}" + _as(alias)


def _as(alias: ast.alias) -> str:
    return f" as {alias.asname}" if alias.asname else ""


def _definitions(tree: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name, node
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node
