"""Fourteen rooms: imports go down only, from door to door, and each library has its one place."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
ROOT = REPOSITORY / "jaccheck"

# A room may import rooms that stand before it in the list, never the other way round.
PLAIN = ("core", "case", "reports", "oracle", "rendering")
ROOMS = (*PLAIN, "methods", "judging", "selftest", "bench", "runs", "sequences", "models", "gate", "cli")
DOORS = ("__init__", "__main__", "errors", "conformance", "pytest_plugin")
MODULES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")

FORKS = ("runs/workers/",)
"""Where processes are forked."""


def name_of(path: Path) -> str:
    """`rendering/html/page.py` as it stands in messages."""
    return path.relative_to(ROOT).as_posix()


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, also under TYPE_CHECKING and inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}: relative import"
            if node.module == "jaccheck":
                yield from (f"jaccheck.{alias.name}" for alias in node.names)
            else:
                yield node.module or ""


def place(path: Path) -> str:
    """The room or door that a file belongs to."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def handed_on(room: str) -> dict[str, str]:
    """Each name that the door of a room hands on, with the module that defines it."""
    stub = ROOT / room / "__init__.pyi"
    nodes = [node for node in ast.parse(stub.read_text()).body if isinstance(node, ast.ImportFrom)]
    return {alias.name: f"jaccheck.{room}.{node.module or alias.name}" for node in nodes for alias in node.names}


def test_the_house_has_these_rooms_and_doors_and_no_loose_module() -> None:
    """What stands in the package's folder is a room or a door."""
    found = {path.name.removesuffix(".py") for path in ROOT.iterdir() if path.is_dir() or path.suffix == ".py"}
    assert found - {"__pycache__"} == {*ROOMS, *DOORS}
    assert len(ROOMS) <= 14
    assert len(DOORS) <= 5


def test_the_table_of_rooms_in_the_docs_is_this_one() -> None:
    """ARCHITECTURE.md lists the rooms in their order."""
    text = (REPOSITORY / "ARCHITECTURE.md").read_text()
    assert tuple(re.findall(r"^\| `(\w+)/` \|", text, re.MULTILINE)) == ROOMS


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_go_down_and_through_doors(path: Path) -> None:
    """A file imports its own room's modules, the doors of rooms before its own, and `jaccheck.errors`."""
    here = place(path)
    for name in imported(path):
        package, _, rest = name.partition(".")
        if package != "jaccheck" or not rest or rest == "errors":
            continue
        target, _, inside = rest.partition(".")
        if target == here:
            continue
        assert target in ROOMS, f"{name_of(path)} imports {name}"
        assert not inside, f"{name_of(path)} imports {name}, not from the door jaccheck.{target}"
        if here in ROOMS:
            assert ROOMS.index(target) < ROOMS.index(here), f"{name_of(path)} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_each_library_has_its_place(path: Path) -> None:
    """Plain rooms never import torch; backpack and hypothesis are each imported where they are needed and known."""
    libraries = {name.split(".")[0] for name in imported(path)}
    assert not ("torch" in libraries and place(path) in PLAIN), path
    assert "backpack" not in libraries or name_of(path) == "methods/backpack.py"
    assert "multiprocessing" not in libraries or name_of(path).startswith(FORKS)
    if "hypothesis" in libraries:
        # Strategies; the versions of a run; pytest's suite, run by Hypothesis; sequences, one of its state machines.
        assert re.fullmatch(
            r"case/(drawing|strategies)\.py|methods/environment\.py|runs/pytest/(items|settings|database)\.py"
            r"|sequences/(machine|run)\.py",
            name_of(path),
        ), path


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_one_place_forks(path: Path) -> None:
    """A process that holds torch's threads cannot be forked safely anywhere else."""
    forks = [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in ("fork", "forkpty", "get_context", "Process", "Pool")
        if isinstance(node.value, ast.Name) and node.value.id in ("os", "multiprocessing")
    ]
    assert not forks or name_of(path).startswith(FORKS), path


@pytest.mark.parametrize("room", ROOMS[:-1])
def test_a_door_hands_on_what_there_is(room: str) -> None:
    """Each name is defined where the door says, and once; no function is called as a module of its room."""
    names = handed_on(room)
    door = importlib.import_module(f"jaccheck.{room}")
    assert sorted(names) == sorted(door.__all__)
    modules = {path.stem for path in (ROOT / room).iterdir()}
    for name, module in names.items():
        if module != f"jaccheck.{room}.{name}":
            assert getattr(door, name) is getattr(importlib.import_module(module), name)
            assert name not in modules, f"jaccheck.{room}.{name} is a module, too"


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("import jaccheck", ("torch", "hypothesis", "pydantic", "numpy")),
        ("import jaccheck.cli", ("torch", "hypothesis", "pydantic", "numpy", "rich")),
        ("import jaccheck.pytest_plugin", ("torch", "hypothesis", "pydantic", "numpy", "rich")),
        ("import jaccheck.conformance", ("torch", "hypothesis", "pydantic", "numpy", "rich")),
        ("from jaccheck.reports import Report, load", ("torch", "hypothesis", "backpack")),
        ("from jaccheck.rendering import junit_xml, verify_page", ("torch", "hypothesis", "backpack", "matplotlib")),
        ("import jaccheck.cli.writing", ("torch", "hypothesis", "backpack", "matplotlib")),
        ("from jaccheck.case import Case, FAMILIES, boundary_cases", ("torch", "hypothesis")),
    ],
)
def test_what_is_not_needed_is_not_loaded(statement: str, unwanted: tuple[str, ...]) -> None:
    """Starting the command line, or reading a report, does not wait for torch."""
    code = f"{statement}; import sys; print([m for m in {unwanted!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
