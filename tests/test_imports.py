"""Imports point one way: paper never imports machine, stations import only what lies before them."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "jaccheck"

# Later places may import earlier ones of the list, never the other way round; a folder counts as one place.
ORDER = (
    "errors",
    "native_caches",
    "printable",
    "names",
    "plain",
    "markup",
    "unwritten",
    "case",
    "profiles",
    "verdict",
    "known",
    "scores",
    "report",
    "sums",
    "merging",
    "model_report",
    "timings",
    "bench_report",
    "matrix_report",
    "files",
    "picture",
    "render",
    "sampling",
    "oracle",
    "networks",
    "modules",
    "problem",
    "sample_wise",
    "models",
    "measurement",
    "methods",
    "devices",
    "environment",
    "reference",
    "noise",
    "forms",
    "estimated",
    "witness",
    "laws",
    "judgement",
    "checking",
    "scripts",
    "faults",
    "selftest",
    "picturing",
    "bench",
    "runner",
    "cluster",
    "store",
    "sequences",
    "conformance",
    "suite",
    "gate",
    "commands",
    "cli",
    "pytest_plugin",
    "__main__",
)
PAPER = ORDER[: ORDER.index("render") + 1]
MODULES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def imported(path: Path) -> set[str]:
    """Every module that a file imports, also under TYPE_CHECKING and inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= (
                {f"{node.module}.{alias.name}" for alias in node.names}
                if node.module == "jaccheck"
                else {node.module or ""}
            )
    return found


def place(path: Path) -> str:
    """The station that a file belongs to."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    """A file imports nothing of jaccheck that comes after its own station."""
    for name in imported(path):
        if name.startswith("jaccheck."):
            target = name.split(".")[1]
            assert ORDER.index(target) <= ORDER.index(place(path)), f"{path} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_library_has_its_one_place(path: Path) -> None:
    """torch is for the machine half; backpack and hypothesis are each imported by the one file made for them."""
    libraries = {name.split(".")[0] for name in imported(path)}
    assert not ("torch" in libraries and place(path) in PAPER), path
    if "backpack" in libraries:
        assert path == ROOT / "methods" / "backpack.py"
    if "hypothesis" in libraries:
        # The suite's tests are run by Hypothesis, and its profiles are Hypothesis' settings; sequences of calls are a
        # state machine of Hypothesis, and `run.py` its settings.
        suite = (
            *(ROOT / "suite" / name for name in ("items.py", "settings.py", "database.py")),
            *(ROOT / "sequences" / name for name in ("machine.py", "run.py")),
        )
        assert path in (*(ROOT / "case").glob("*strategies.py"), ROOT / "environment.py", *suite)


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("import jaccheck", ("torch", "hypothesis", "pydantic", "numpy")),
        ("import jaccheck.cli", ("torch", "hypothesis", "pydantic", "numpy", "rich")),
        ("import jaccheck.pytest_plugin", ("torch", "hypothesis", "pydantic", "numpy", "rich")),
        ("import jaccheck.conformance", ("torch", "hypothesis", "pydantic", "numpy", "rich")),
        ("import jaccheck.report, jaccheck.render.junit, jaccheck.files", ("torch", "hypothesis", "backpack")),
        ("import jaccheck.commands.writing", ("torch", "hypothesis", "backpack", "matplotlib")),
        ("import jaccheck.case, jaccheck.case.families", ("torch", "hypothesis")),
    ],
)
def test_what_is_not_needed_is_not_loaded(statement: str, unwanted: tuple[str, ...]) -> None:
    """Starting the command line, or reading a report, does not wait for torch."""
    code = f"{statement}; import sys; print([m for m in {unwanted!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
