"""Copies of the installed backpack package with an edit. The table of the mutants is in `backpack_mutants.py`."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Difficulty = Literal["control", "easy", "medium", "hard"]

BATCH_GRAD = ("batch_grad_loop", "batch_grad_layers", "batch_grad_repeated")
SQRT_GGN = ("sqrt_ggn_sum", "sqrt_ggn_layers", "sqrt_ggn_mean")


@dataclass(frozen=True, slots=True)
class Edit:
    """A replacement in one file of the package; `old` must stand there `count` times."""

    file: str
    old: str
    new: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class BackpackMutant:
    """A mutant as edits of backpack, the methods that show it, and what a reader should know about it."""

    name: str
    difficulty: Difficulty
    edits: tuple[Edit, ...]
    shown_by: tuple[str, ...] = (*BATCH_GRAD, *SQRT_GGN)
    note: str = ""


class EditDoesNotFit(ValueError):
    """The old text of an edit is not where it should be: another version of backpack."""


def installed_backpack() -> Path:
    """The folder of the installed package, found without importing it."""
    spec = importlib.util.find_spec("backpack")
    if spec is None or spec.origin is None:
        raise EditDoesNotFit("backpack is not installed")
    return Path(spec.origin).parent


def mutated_copy(mutant: BackpackMutant, directory: Path) -> Path:
    """`directory`, now with a copy of backpack that has the mutant: put it first on PYTHONPATH.

    Raises EditDoesNotFit where the text to replace is not there as often as the edit says.
    """
    copy = directory / "backpack"
    shutil.copytree(installed_backpack(), copy, ignore=shutil.ignore_patterns("__pycache__"))
    for edit in mutant.edits:
        path = copy / edit.file
        text = path.read_text(encoding="utf-8")
        if (found := text.count(edit.old)) != edit.count:
            raise EditDoesNotFit(f"{mutant.name}: {edit.file} has {edit.old!r} {found} times, not {edit.count}")
        path.write_text(text.replace(edit.old, edit.new), encoding="utf-8")
    return directory


def with_first(folder: Path | None) -> dict[str, str]:
    """The environment of a process that imports from the folder before the installed packages; or from none."""
    path = filter(None, [folder and str(folder), os.environ.get("PYTHONPATH")])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}


def shows_failure(script: str, path: Path | None) -> bool:
    """Whether a finding's script raises, or prints an `actual` that is not the `expected`, with `path` put first.

    Without a path the installed backpack is asked.
    """
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, env=with_first(path), cwd=tempfile.gettempdir())
    return bool(done.returncode) or is_different(done.stdout)


def is_different(printed: str) -> bool:
    """Whether the `actual` that a script printed is not the `expected`, give or take the bound printed beside it."""
    said = (line for line in printed.splitlines() if line.startswith(("actual", "expected")))
    sides = dict(line.split(maxsplit=1) for line in said)
    if "actual" not in sides:  # Then a failure would have raised.
        return False
    expected, _, bound = sides["expected"].partition(" give or take ")
    expected, _, _ = expected.partition(" says autograd")
    try:
        return not abs(float(sides["actual"]) - float(expected)) <= float(bound or 0)
    except ValueError:  # no numbers
        return sides["actual"] != expected


LINEAR = "core/derivatives/linear.py"
MSE = "core/derivatives/mseloss.py"
ROOT = "__init__.py"
SAVE = "extensions/module_extension.py"
RELU, LEAKY, ELU, SELU, SIGMOID, TANH, LOG_SIGMOID, DROPOUT = (
    f"core/derivatives/{name}.py"
    for name in ("relu", "leakyrelu", "elu", "selu", "sigmoid", "tanh", "logsigmoid", "dropout")
)
