"""The source of a method as it can stand in a script of its own: with its imports and helpers, without jaccheck.

The script then runs the very code that failed. Works on any function defined at the top of a module; what it takes
from other modules of jaccheck is cut out of them, too.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


def standalone_source(*wanted: Callable[..., Any]) -> tuple[list[str], str] | None:
    """Import lines and definitions that these need, the last one last; None where their source cannot be had."""
    cut = _Cut()
    try:
        for each in wanted:
            cut.collect(each.__name__, each.__module__)
    except (OSError, TypeError, SyntaxError, LookupError):
        return None
    return sorted(cut.imports, key=lambda line: (line.startswith("from"), line)), "\n\n".join(cut.bodies.values())


class _Cut:
    """What has been cut out of modules so far."""

    def __init__(self) -> None:
        self.imports: dict[str, None] = {}
        self.bodies: dict[str, str] = {}
        self._homes: dict[str, str] = {}
        self._modules: dict[str, _Module] = {}

    def collect(self, name: str, home: str) -> None:
        """The definition of `name` in the module `home`, after all that it uses. Raises LookupError."""
        if self._homes.setdefault(name, home) != home:
            raise LookupError(f"{name} is defined in {self._homes[name]} and in {home}")
        if home not in self._modules:
            self._modules[home] = _Module(ast.parse(inspect.getsource(sys.modules[home])))
        module = self._modules[home]
        bare = _Bare().visit(ast.parse(ast.unparse(module.definitions[name])).body[0])
        for used in dict.fromkeys(node.id for node in ast.walk(bare) if isinstance(node, ast.Name)):
            if used in module.imports:
                self.imports[module.imports[used]] = None
            elif used in module.from_jaccheck:
                self._collect_new(used, module.from_jaccheck[used])
            elif used in module.definitions:
                self._collect_new(used, home)
        self.bodies[name] = ast.unparse(ast.fix_missing_locations(bare))

    def _collect_new(self, name: str, home: str) -> None:
        if self._homes.get(name) != home:
            self.collect(name, home)


class _Module:
    """What can be cut out of one module, by name."""

    def __init__(self, tree: ast.Module) -> None:
        self.imports = dict(_imports(tree))
        self.from_jaccheck = dict(_own_imports(tree))
        self.definitions = dict(_definitions(tree))


class _Bare(ast.NodeTransformer):
    """Drops decorators, annotations and docstrings, which a reader of a bug report does not need."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        # A property is none without its decorator.
        node.decorator_list = [each for each in node.decorator_list if getattr(each, "id", "") == "property"]
        node.returns = None
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
    """Each imported name with its import statement, those inside `try` too; jaccheck's own are left out.

    What a function imports for itself stays inside it.
    """
    for node in _outside_functions(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield (alias.asname or alias.name.split(".")[0]), f"import {alias.name}" + _as(alias)
        elif isinstance(node, ast.ImportFrom) and not (node.module or "").startswith(("jaccheck", "__future__")):
            for alias in node.names:
                yield (alias.asname or alias.name), f"from {node.module} import {alias.name}" + _as(alias)


def _outside_functions(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef):
            yield node
            yield from _outside_functions(node)


def _own_imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Each name that is imported from a module of jaccheck, with that module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("jaccheck"):
            for alias in node.names:
                yield alias.name, _home(alias.name, node.module or "")


def _home(name: str, module: str) -> str:
    """The module that defines a name: what is imported from a room stands in the room's `__init__.pyi`."""
    stub = Path(inspect.getfile(sys.modules[module])).with_suffix(".pyi")
    if stub.exists():
        for node in ast.parse(stub.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom) and any(alias.name == name for alias in node.names):
                return f"{module}.{node.module}"
    return module


def _as(alias: ast.alias) -> str:
    return f" as {alias.asname}" if alias.asname else ""


def _definitions(tree: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name, node
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node
        elif isinstance(node, ast.AnnAssign) and node.value and isinstance(node.target, ast.Name):
            yield node.target.id, node
