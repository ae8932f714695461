"""The mutants of `own_mutants.py`: what cosmic-ray can change in the judge, but for what makes no verdict wrong."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast_from_path
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names
from cosmic_ray.work_item import MutationSpec

JUDGE = ("judging", "oracle", "runs")
APART = ("judging/known", "runs/workers", "runs/cluster", "runs/store", "runs/pytest", "runs/matrix", "runs/replay")
"""Issues of other packages; who asks whom, and where it is kept: neither is a part of the judge."""

ALIKE = ({"Add", "Sub", "Mul", "Div", "FloorDiv", "Mod", "Pow"}, {"BitOr", "BitAnd", "BitXor"}, {"Is", "IsNot"})
ORDERED = {"Eq", "NotEq", "Lt", "LtE", "Gt", "GtE"}
"""An operator becomes one that takes the same operands: any test that runs the line notices `1.5 << 2`."""

Position = tuple[int, int]


def files(copy: Path) -> list[Path]:
    """Those of the judge, by name; relative to the copy."""
    found = chain.from_iterable((copy / "jaccheck" / room).rglob("*.py") for room in JUDGE)
    names = sorted(path.relative_to(copy) for path in found if path.name != "__init__.py")
    return [name for name in names if not any(name.is_relative_to(f"jaccheck/{folder}") for folder in APART)]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one file, and the code of the file with it."""

    file: str
    operator: str
    occurrence: int
    line: int
    code: str


def mutants(copy: Path, seed: int, count: int) -> Iterator[Mutant]:
    """So many places, one change for each: the files in turn, in an order that the seed decides."""
    chance = random.Random(seed)
    names = files(copy)
    chance.shuffle(names)
    of_files = []
    for name in names:
        places: dict[Position, list[MutationSpec]] = {}
        for change in changes(copy, name):
            places.setdefault(change.start_pos, []).append(change)
        chosen = [chance.choice(there) for _, there in sorted(places.items())]
        chance.shuffle(chosen)
        of_files.append(chosen)
    turns = (change for turn in zip_longest(*of_files) for change in turn if change is not None)
    return islice((mutant for change in turns if (mutant := made(copy, change))), count)


def made(copy: Path, change: MutationSpec) -> Mutant | None:
    """The mutant of a change; None where it is no program: cosmic-ray puts no parentheses around `not x := y`."""
    operator = get_operator(change.operator_name)()
    code = mutate_code((copy / change.module_path).read_text(), operator, change.occurrence)
    try:
        ast.parse(code)
    except SyntaxError:
        return None
    return Mutant(str(change.module_path), change.operator_name, change.occurrence, change.start_pos[0], code)


def changes(copy: Path, name: Path) -> Iterator[MutationSpec]:
    """Whatever cosmic-ray's operators without arguments can change in the file, but for the words and the types."""
    tree = get_ast_from_path(copy / name)
    spared = list(without_verdict((copy / name).read_text()))
    for operator in operator_names():
        if (kind := get_operator(operator)).arguments() or not is_alike(operator):
            continue
        positions = (place for node in ast_nodes(tree) for place in kind().mutation_positions(node))
        for occurrence, (start, end) in enumerate(positions):
            if not any(first <= start < last for first, last in spared):
                yield MutationSpec(str(name), operator, occurrence, start, end)


def is_alike(operator: str) -> bool:
    """False where an operation becomes one of another kind."""
    _, *both = operator.split("_")
    return len(both) != 2 or "Delete" in both or any(kind.issuperset(both) for kind in (*ALIKE, ORDERED))


def without_verdict(source: str) -> Iterator[tuple[Position, Position]]:
    """Annotations, texts, options of decorators, messages of errors, checks of lengths by `zip`, what is for mypy."""
    lines = source.splitlines()

    def position(line: int, utf8: int) -> Position:
        return line, len(lines[line - 1].encode()[:utf8].decode())

    for node in ast.walk(ast.parse(source)):
        for spared in spared_of(node):
            end = position(spared.end_lineno or spared.lineno, spared.end_col_offset or 0)
            yield position(spared.lineno, spared.col_offset), end


def spared_of(node: ast.AST) -> list[ast.expr | ast.stmt]:
    """The parts of this node that no mutant touches."""
    match node:
        case ast.FunctionDef() | ast.ClassDef():
            returns = [node.returns] if isinstance(node, ast.FunctionDef) and node.returns else []
            return [*node.decorator_list, *returns]
        case ast.arg(annotation=ast.expr() as annotation) | ast.AnnAssign(annotation=annotation):
            return [annotation]
        case ast.JoinedStr() | ast.Assert():
            return [node]
        case ast.Raise(exc=ast.Call(args=arguments)):
            return list(arguments)
        case ast.keyword(arg="strict", value=value):
            return [value]
        case ast.Assign(targets=[ast.Name(id="__all__")]) | ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return [node]
        case ast.Assign(value=ast.Subscript() | ast.BinOp(op=ast.BitOr()) as value, targets=[ast.Name(id=name)]):
            return [value] if name[:1].isupper() and not name.isupper() else []  # an alias of a type
    return []
