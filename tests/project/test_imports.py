"""Fourteen rooms: imports go down only, from door to door, and each library has its one place."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

REPOSITORY = Path(__file__).parents[2]
ROOT = REPOSITORY / "jaccheck"

# A room may import rooms that stand before it in the list, never the other way round.
PLAIN = ("core", "case", "reports", "oracle", "rendering")
ROOMS = (*PLAIN, "methods", "judging", "selftest", "bench", "runs", "sequences", "models", "gate", "cli")
DOORS = ("__init__", "__main__", "errors", "conformance", "pytest_plugin")
SCRIPTS = ROOT / "judging/known/scripts"
"""Reports of faults of other packages, which jaccheck never imports."""
MODULES = sorted(path for path in ROOT.rglob("*.py") if path.parent != SCRIPTS)
READERS = [
    path
    for pattern in ("tests/**/*.py", "benchmarks/*.py", "docs/**/*.py", "docs/*.md", "*.md")
    for path in REPOSITORY.glob(pattern)
]
"""Who takes names from doors beside the rooms."""

PLACES = {
    "torch": "(methods|judging|selftest|bench|runs|sequences|models|gate|cli)/.*",
    "backpack": r"methods/backpack(_\w+)?\.py",
    # Strategies; the versions of a run; pytest's suite, run by Hypothesis; sequences, one of its state machines.
    "hypothesis": r"case/(drawing|strategies)\.py|methods/environment\.py|runs/pytest/(items|settings|database)\.py"
    r"|sequences/(machine|run|chains/(rules|passes|changes)|uses/rules|uses/rich)\.py",
}
"""Where a library is imported: torch in no room of plain data, the others in the files that need them."""

FORKS = {"fork", "forkpty", "multiprocessing", "ProcessPoolExecutor"}
FORKING = {
    *(f"runs/workers/{name}.py" for name in ("fork_server", "process", "template", "worker")),
    "core/scripts.py",
    "judging/laws/torch_switches.py",  # asks how a method has said that processes be started, and starts none
    "judging/laws/patches.py",  # looks whether the functions with which processes talk are still their own
    "core/fork.py",
    "core/supervision.py",  # before anything is loaded
}
"""Names that a file which forks must use, and the files that use them."""


def name_of(path: Path) -> str:
    """`rendering/html/page.py` as it stands in messages."""
    return path.relative_to(ROOT).as_posix()


def room_of(path: Path) -> str:
    """The room or door that a file of the package belongs to."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[tuple[str, set[str]]]:
    """Every module that a file imports, also inside functions, with the names that are taken from it.

    From a door that is imported as a whole, what follows its name and a dot is taken.
    """
    nodes = list(ast.walk(ast.parse(path.read_text())))
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((alias.name, set()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "jaccheck":
            for alias in node.names:
                dotted = (
                    each for each in nodes if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name)
                )
                taken = {each.attr for each in dotted if each.value.id == (alias.asname or alias.name)}
                yield f"jaccheck.{alias.name}", taken
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or ""), {alias.name for alias in node.names}


def handed_on(stub: Path) -> Iterator[tuple[str, str]]:
    """Each name that a door hands on, with the place in its folder that it comes from."""
    for node in ast.parse(stub.read_text()).body:
        if isinstance(node, ast.ImportFrom):
            yield from ((alias.name, node.module or alias.name) for alias in node.names)


def door(room: str) -> ModuleType:
    """What other rooms import from."""
    return importlib.import_module(f"jaccheck.{room}")


def faults_of(path: Path) -> Iterator[str]:
    """What is wrong with the imports of a file, a line for each."""
    here = room_of(path)
    for name, taken in imported(path):
        package, _, rest = name.partition(".")
        target, _, inside = rest.partition(".")
        if not package:
            yield "a relative import"
        elif package != "jaccheck" or target == here or rest in ("", "errors"):
            continue
        elif target not in ROOMS or here == "errors":
            yield f"{name}, which is no room"
        elif inside:
            yield f"{name}, not the door jaccheck.{target}"
        elif here in ROOMS and ROOMS.index(target) > ROOMS.index(here):
            yield f"{name}, a later room"
        elif hidden := taken - {*door(target).__all__}:
            yield f"{', '.join(sorted(hidden))}, which the door {name} does not hand on"


def names_used(path: Path) -> set[str]:
    """Every name in a file, as a name or behind a dot, imported ones included."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    names |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return names.union(*((*module.split("."), *taken) for module, taken in imported(path)))


def taken_from_doors() -> set[str]:
    """Each `room.name` that another room, a public door, a test, a benchmark or a document takes from a door."""
    taken = {f"{room}.{name}" for name, room in handed_on(ROOT / "__init__.pyi")}
    for path in MODULES:
        for module, names in imported(path):
            room = module.removeprefix("jaccheck.")
            taken |= {f"{room}.{name}" for name in names if room != room_of(path)}
    for path in READERS:
        text = path.read_text()
        taken |= {f"{room}.{name}" for room, name in re.findall(r"\bjaccheck\.(\w+)\.(\w+)", text)}
        for room, names in re.findall(r"\bfrom jaccheck\.(\w+) import (\([^)]*\)|.*)", text):
            taken |= {f"{room}.{name}" for name in re.findall(r"\w+", names)}
    return taken


def run(code: str) -> str:
    """What a fresh process prints."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


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


def test_imports_go_down_and_through_doors() -> None:
    """A file imports its own room's modules, names from the doors of rooms before its own, and `jaccheck.errors`."""
    assert [f"{name_of(path)} imports {fault}" for path in MODULES for fault in faults_of(path)] == []


@pytest.mark.parametrize("library", PLACES)
def test_a_library_has_its_place(library: str) -> None:
    """And every file that is named for it imports it."""
    importing = [name_of(path) for path in MODULES if library in {name.split(".")[0] for name, _ in imported(path)}]
    assert importing
    assert [name for name in importing if not re.fullmatch(PLACES[library], name)] == []


def test_one_place_forks() -> None:
    """A process that holds torch's threads cannot be forked safely anywhere else."""
    assert {name_of(path) for path in MODULES if FORKS & names_used(path)} == FORKING


@pytest.mark.parametrize("room", ROOMS[:-1])
def test_a_door_hands_on_what_there_is(room: str) -> None:
    """Each name is the object of the module that the door says; no function is called as a module of its room."""
    names = dict(handed_on(ROOT / room / "__init__.pyi"))
    assert sorted(names) == sorted(door(room).__all__)
    modules = {path.stem for path in (ROOT / room).iterdir()}
    for name, module in names.items():
        if module != name:
            assert getattr(door(room), name) is getattr(importlib.import_module(f"jaccheck.{room}.{module}"), name)
            assert name not in modules, f"jaccheck.{room}.{name} is a module, too"


def test_the_public_door_hands_on_what_the_doors_of_rooms_do() -> None:
    """It reaches into no room."""
    assert [
        name
        for name, room in handed_on(ROOT / "__init__.pyi")
        if name not in getattr(door(room), "__all__", ()) and name != room  # other doors it hands on whole
    ] == []


def test_a_door_hands_on_what_somebody_takes() -> None:
    """Or what the repr of a case may hold, to be pasted: layers and values, which are told apart by their kind."""
    taken = taken_from_doors()
    assert [
        f"{room}.{name}"
        for room in ROOMS[:-1]
        for name in door(room).__all__
        if f"{room}.{name}" not in taken
        and "kind" not in getattr(getattr(door(room), name), "__dataclass_fields__", ())
    ] == []


def test_plain_rooms_run_without_torch() -> None:
    """Each of their modules is imported where nothing else is."""
    modules = [
        f"jaccheck.{name_of(path).removesuffix('.py').replace('/', '.')}" for path in MODULES if room_of(path) in PLAIN
    ]
    code = f"import importlib, sys; [importlib.import_module(name) for name in {modules!r}]; print(*sys.modules)"
    assert not {"torch", "backpack"} & {*run(code).split()}


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("import jaccheck", ("torch", "hypothesis", "pydantic", "numpy")),
        ("import jaccheck.cli", ("torch", "hypothesis", "pydantic", "numpy", "rich")),
        ("import jaccheck.pytest_plugin", ("torch", "hypothesis", "pydantic", "numpy", "rich")),
        ("import jaccheck.runs.pytest.entry", ("torch", "hypothesis", "pydantic", "numpy", "rich")),
        ("import jaccheck.conformance", ("torch", "hypothesis", "pydantic", "numpy", "rich")),
        ("from jaccheck.reports import Report, load", ("hypothesis",)),
        ("from jaccheck.rendering import junit_xml, verify_page", ("hypothesis", "matplotlib")),
        ("import jaccheck.cli.writing", ("torch", "hypothesis", "backpack", "matplotlib")),
        ("from jaccheck.case import Case, FAMILIES, boundary_cases", ("hypothesis",)),
    ],
)
def test_what_is_not_needed_is_not_loaded(statement: str, unwanted: tuple[str, ...]) -> None:
    """Starting the command line, or reading a report, does not wait for torch."""
    assert run(f"{statement}; import sys; print(*(m for m in {unwanted!r} if m in sys.modules))") == ""
