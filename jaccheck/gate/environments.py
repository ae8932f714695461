"""Environments for the sides: built once, kept by what is in them, and never half.

BackPACK is laid over an environment by PYTHONPATH: a second and 3 MB. Where nothing else differs, that environment is
the one that jaccheck runs in; anything else, torch first of all, gets an interpreter of its own, which all versions of
BackPACK share. What is built is built under another name and renamed at the end, under a lock, so that whoever is
killed leaves nothing that looks finished.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from packaging.version import Version

import jaccheck
from jaccheck.core import extra, origin_of
from jaccheck.errors import BrokenEnvironment
from jaccheck.gate.contents import is_intact, seal
from jaccheck.gate.installing import (
    checked_out,
    compile_all,
    lay_over,
    make_interpreter,
    releases_of,
    requirements_beside,
)
from jaccheck.gate.sides import BACKPACK, Part, Side

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Prepared:
    """An environment that is there: its interpreter, what comes first on its path, and where its packages must lie."""

    side: Side
    python: str
    path: tuple[str, ...]
    directories: tuple[Path, ...]

    @property
    def key(self) -> str:
        """Names what is in it; the same content has the same key on every run."""
        return " ".join(directory.name for directory in self.directories)

    def variables(self) -> dict[str, str]:
        """The variables that a process of this side runs under, and no other PYTHONPATH."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        # What is run writes nothing into the environment, which would then not be what was built.
        own = {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        return {**kept, "PYTHONPATH": os.pathsep.join(self.path), **own}

    def command(self, script: str) -> str:
        """How a person runs a script in this environment."""
        return f"PYTHONPATH={shlex.quote(os.pathsep.join(self.path))} {shlex.quote(self.python)} -P -B {script}"


def prepare(side: Side, cache: Path, say: Say) -> Prepared:
    """The environment of a side, what is not in `cache` yet is built. Raises BrokenEnvironment where it cannot be."""
    side = pinned(side)
    sweep(cache)
    here = _here()
    backpack = next((part for part in side.parts if part.name == BACKPACK), here)
    others = tuple(part for part in side.parts if part.name != BACKPACK)
    python, directories = sys.executable, []
    if others:
        key = _key(others, *requirements_beside(others))
        interpreter = _kept(cache / key, lambda place: make_interpreter(others, place), f"{side}: interpreter", say)
        python, directories = str(interpreter / "bin" / "python"), [interpreter]

    def build(place: Path) -> None:
        lay_over(backpack, place / "over")
        compile_all(place / "over")
        (place / "jaccheck").mkdir()
        (place / "jaccheck" / "jaccheck").symlink_to(Path(jaccheck.__file__).parent)

    over = _kept(cache / _key((backpack,)), build, f"{side}: BackPACK", say)
    return Prepared(side, python, (str(over / "over"), str(over / "jaccheck")), (over, *directories))


def _here() -> Part:
    """The BackPACK of this environment: its release, or what is imported where it is a checkout or a build of one."""
    origin, spec = origin_of(BACKPACK, "backpack"), importlib.util.find_spec("backpack")
    if origin is None or spec is None or not spec.origin:
        raise BrokenEnvironment(
            f"{BACKPACK} is not installed here, and the gate needs what it requires: {extra('backpack')}"
        )
    if origin.is_local:
        return Part(name=BACKPACK, path=str(Path(spec.origin).parent.parent))
    return Part(name=BACKPACK, requirement=f"{BACKPACK}=={origin.version}")


def pinned(side: Side) -> Side:
    """The side with the newest release in place of every range, so that what is kept never stands for another."""
    parts = (part if part.version or part.path else part.at(_newest(part)) for part in side.parts)
    return Side(parts=tuple(parts))


def _newest(part: Part) -> Version:
    fitting = list(part.specifier.filter(releases := releases_of(part.name)))
    if not fitting:
        raise BrokenEnvironment(f"{part}: no release fits; there are {', '.join(map(str, releases)) or 'none'}")
    return max(fitting)


def sweep(cache: Path) -> None:
    """Takes away what killed gates have left half built; what somebody builds just now stays."""
    for leftover in cache.glob("*.building-*"):
        directory = leftover.with_name(leftover.name.partition(".building-")[0])
        with suppress(Timeout), FileLock(f"{directory}.lock", timeout=0):
            shutil.rmtree(leftover, ignore_errors=True)


def _kept(directory: Path, build: Callable[[Path], None], what: str, say: Say) -> Path:
    """`directory`, filled by `build` where it is not there yet, or not as it was built."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{directory}.lock"):
        for leftover in directory.parent.glob(f"{directory.name}.building-*"):
            shutil.rmtree(leftover, ignore_errors=True)  # an installer that outlived its gate may still write there
        if directory.exists() and not is_intact(directory):
            say(f"the environment for {what} is not as it was built, so it is built again: {directory}")
            shutil.rmtree(directory)
        if not directory.exists():
            say(f"building an environment for {what}")
            building = Path(tempfile.mkdtemp(prefix=f"{directory.name}.building-", dir=directory.parent))
            try:
                build(building)
                seal(building)
                building.rename(directory)
            except BaseException:
                shutil.rmtree(building, ignore_errors=True)
                raise
    return directory


def _key(parts: tuple[Part, ...], *beside: str) -> str:
    """A digest of everything that decides what is in the environment."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{part.name} {part.requirement}\n".encode())
        for name, content in _contents(part):
            digest.update(f"{name} {len(content)}\n".encode() + content)
    digest.update(f"{sys.executable} {platform.python_version()} {Path(jaccheck.__file__).parent} {beside}".encode())
    names = "-".join(part.name.removesuffix("-for-pytorch") for part in parts)
    return f"{names}-{digest.hexdigest()[:12]}"


def _contents(part: Part) -> Iterator[tuple[str, bytes]]:
    """Everything in a wheel or a checkout that comes into the environment, with its name."""
    path = Path(part.path)
    if not part.path:
        return
    if path.is_file():
        yield path.name, path.read_bytes()
    root = checked_out(part) if part.name == BACKPACK else path
    for file in sorted(root.rglob("*")):
        name = file.relative_to(root)
        is_hidden = any(word.startswith(".") for word in name.parts)
        if file.is_file() and file.suffix != ".pyc" and not is_hidden:
            yield str(name), file.read_bytes()
