"""Environments for the sides: built once, kept by what is in them, and never half.

Where only BackPACK differs it is laid over the environment that jaccheck runs in, by PYTHONPATH: a second and 3 MB.
Anything else, torch first of all, gets an interpreter of its own. What is built is built under another name and
renamed at the end, under a lock, so that whoever is killed leaves nothing that looks finished.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import jaccheck
from jaccheck.errors import BrokenEnvironment
from jaccheck.gate.sides import BACKPACK, Part, Side

Say = Callable[[str], object]

WITH_PKG_RESOURCES = "setuptools<82"
"""Later ones no longer have `pkg_resources`, which BackPACK before 1.7 imports."""

LONGEST_ERROR = 400


@dataclass(frozen=True, slots=True)
class Prepared:
    """An environment that is there: its interpreter, and what comes first on its path."""

    side: Side
    python: str
    path: tuple[str, ...]
    directory: Path

    @property
    def key(self) -> str:
        """Names what is in it; the same content has the same key on every run."""
        return self.directory.name

    def variables(self) -> dict[str, str]:
        """The variables that a process of this side runs under, and no other PYTHONPATH."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        return {**kept, "PYTHONPATH": os.pathsep.join(self.path), "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}

    def command(self, script: str) -> str:
        """How a person runs a script in this environment."""
        return f"PYTHONPATH={os.pathsep.join(self.path)} {self.python} -P {script}"


def prepare(side: Side, cache: Path, say: Say) -> Prepared:
    """The environment of a side, built if it is not in `cache` yet. Raises BrokenEnvironment where it cannot be."""
    directory = cache / _key(side)
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{directory}.lock"):
        for leftover in cache.glob(f"{directory.name}.building-*"):
            shutil.rmtree(leftover)
        if not directory.exists():
            say(f"building an environment for {side}")
            building = cache / f"{directory.name}.building-{os.getpid()}"
            building.mkdir()
            try:
                (_build_own if side.needs_own_interpreter else _build_overlay)(side, building)
                (building / "jaccheck").mkdir()
                (building / "jaccheck" / "jaccheck").symlink_to(Path(jaccheck.__file__).parent)
                building.rename(directory)
            except BaseException:
                shutil.rmtree(building, ignore_errors=True)
                raise
    own = directory / "bin" / "python"
    path = [str(directory / "over"), str(directory / "jaccheck")]
    return Prepared(side, str(own) if side.needs_own_interpreter else sys.executable, tuple(path), directory)


def install_over(prepared: Prepared, requirement: str) -> None:
    """Installs one more distribution over an environment that is there."""
    _pip(["install", "--no-deps", "--target", prepared.path[0], requirement])


def _build_overlay(side: Side, directory: Path) -> None:
    for part in side.parts:
        _lay_over(part, directory / "over")


def _lay_over(part: Part, over: Path) -> None:
    if part.path and Path(part.path).is_dir():
        # A checkout is taken as it is: building it would need its whole history for a version.
        shutil.copytree(
            Path(part.path) / "backpack", over / "backpack", ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
        )
        return
    _pip(["install", "--no-deps", "--target", str(over), str(part)])


def _build_own(side: Side, directory: Path) -> None:
    """An interpreter of its own with torch and all that jaccheck needs, resolved together."""
    checkout = [part for part in side.parts if part.name == BACKPACK and Path(part.path or "-").is_dir()]
    asked = [str(part) for part in side.parts if part not in checkout]
    ours = [str(r) for r in map(Requirement, importlib.metadata.requires("jaccheck") or ()) if _is_needed(r, side)]
    if BACKPACK not in side.names or checkout:
        asked.append(f"{BACKPACK}=={importlib.metadata.version(BACKPACK)}")
    if "torch" not in side.names:
        asked.append(f"torch=={importlib.metadata.version('torch').partition('+')[0]}")
    uv = shutil.which("uv")
    if uv:
        _run([uv, "venv", "-q", "--allow-existing", "--python", sys.executable, str(directory)])
        _run([uv, "pip", "install", "-q", *_find_links(), "--python", str(directory / "bin/python"), *asked, *ours])
    else:
        _run([sys.executable, "-m", "venv", str(directory)])
        _run([str(directory / "bin/python"), "-m", "pip", "install", "-q", *asked, *ours])
    for part in checkout:
        _lay_over(part, directory / "over")


def _is_needed(requirement: Requirement, side: Side) -> bool:
    if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
        return False
    return canonicalize_name(requirement.name) not in {*side.names, BACKPACK, "torch"}


def _find_links() -> list[str]:
    """uv does not read pip's variable for directories of wheels."""
    return [word for link in os.environ.get("PIP_FIND_LINKS", "").split() for word in ("--find-links", link)]


def _pip(arguments: Sequence[str]) -> None:
    _run([sys.executable, "-m", "pip", *arguments, "-q", "--disable-pip-version-check"])


def _run(command: Sequence[str]) -> None:
    """Runs an installer, never through a shell."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("WARNING")]
        reason = " ".join(lines[-3:])[:LONGEST_ERROR] or f"exit code {done.returncode}"
        raise BrokenEnvironment(f"`{' '.join(command[1:])}` failed: {reason}")


def _key(side: Side) -> str:
    """A digest of everything that decides what is in the environment."""
    digest = hashlib.sha256()
    for part in side.parts:
        digest.update(f"{part.name} {part.requirement}\n".encode())
        if part.path:
            for file in _files(Path(part.path)):
                digest.update(str(file.relative_to(part.path)).encode() + file.read_bytes())
    base = "" if side.needs_own_interpreter else importlib.metadata.version("torch")
    digest.update(f"{sys.executable} {platform.python_version()} {base} {Path(jaccheck.__file__).parent}".encode())
    names = "-".join(part.name.removesuffix("-for-pytorch") for part in side.parts)
    return f"{names}-{digest.hexdigest()[:12]}"


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else sorted(p for p in path.rglob("*.py") if p.is_file())
