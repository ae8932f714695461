"""How the environments of the gate are filled: by pip or uv, never through a shell."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from jaccheck.errors import BrokenEnvironment
from jaccheck.gate.sides import BACKPACK, Part

WITH_PKG_RESOURCES = "setuptools<82"
"""Later ones no longer have `pkg_resources`, which BackPACK before 1.7 imports without requiring it."""

LONGEST_ERROR = 400


def lay_over(backpack: Part, directory: Path) -> None:
    """Puts BackPACK alone into `directory`, with what it imports without requiring it. Raises BrokenEnvironment.

    Without its requirements: they would replace torch, or exclude every current torch.
    """
    package = directory / "backpack"
    if Path(backpack.path or "-").is_dir():
        # A checkout is copied, not built: a build would need its whole history for a version.
        try:
            shutil.copytree(checked_out(backpack), package, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        except (OSError, shutil.Error) as error:
            raise BrokenEnvironment(f"{backpack}: cannot be copied: {error}") from None
    else:
        _install_into(directory, str(backpack))
    if any("pkg_resources" in file.read_text(encoding="utf-8", errors="replace") for file in package.rglob("*.py")):
        _install_into(directory, WITH_PKG_RESOURCES)


def compile_all(directory: Path) -> None:
    """Compiles what is there, each file checked by its content: a file that is renamed or copied stays compiled."""
    # Some packages hold files that are no Python of this version, for which the exit code is 1.
    command = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "checked-hash", str(directory)]
    subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL)


def checked_out(backpack: Part) -> Path:
    """The package in a checkout of BackPACK."""
    return Path(backpack.path) / "backpack"


def make_interpreter(parts: Sequence[Part], directory: Path) -> None:
    """An environment with these distributions and all that jaccheck and BackPACK need, resolved together."""
    wanted = [*map(str, parts), *requirements_beside(parts)]
    uv = _uv()
    python = directory / "bin" / "python"
    if uv:
        run([uv, "venv", "-q", "--allow-existing", "--python", sys.executable, str(directory)])
        run([uv, "pip", "install", "-q", "--compile-bytecode", *_find_links(), "--python", str(python), *wanted])
    else:
        run([sys.executable, "-m", "venv", str(directory)])
        run([str(python), "-m", "pip", "install", "-q", *wanted])


def requirements_beside(parts: Sequence[Part]) -> list[str]:
    """What jaccheck and BackPACK require beside `parts`; the torch of this environment.

    Without torchvision: BackPACK requires it, uses it in one module of examples, and it pins torch.
    """
    asked = {part.name for part in parts} | {BACKPACK, "torch", "torchvision"}
    texts = [text for name in ("jaccheck", BACKPACK) for text in _requires(name)]
    requirements = [r for r in map(Requirement, texts) if not r.marker or r.marker.evaluate({"extra": ""})]
    found = {str(r) for r in requirements if canonicalize_name(r.name) not in asked}
    if "torch" not in {part.name for part in parts}:
        found.add(f"torch=={importlib.metadata.version('torch').partition('+')[0]}")
    return sorted(found)


def _requires(name: str) -> list[str]:
    try:
        return importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError:
        return []


def releases_of(name: str) -> list[Version]:
    """Every release of a distribution that pip finds, without pre-releases. Raises BrokenEnvironment."""
    said = run([*pip(), "index", "versions", "--disable-pip-version-check", name])
    line = next((line for line in said.splitlines() if line.startswith("Available versions:")), "")
    return sorted(Version(word) for word in line.partition(":")[2].replace(",", " ").split())


def _install_into(directory: Path, requirement: str) -> None:
    """Installs one distribution without what it requires into a plain directory."""
    options = ["install", "-q", "--no-deps", "--target", str(directory)]
    uv = _uv()
    if uv and not _has_pip():
        run([uv, "pip", *options, *_find_links(), "--python", sys.executable, requirement])
    else:
        run([*pip(), *options, "--disable-pip-version-check", requirement])


def pip() -> list[str]:
    """How pip is called for this environment; one that uv made has none, so uv gets one, or the interpreter below has.

    uv itself cannot list the releases of a distribution.
    """
    if _has_pip():
        return [sys.executable, "-m", "pip"]
    if uv := _uv():
        return [uv, "tool", "run", "-q", "--python", sys.executable, "pip"]
    below = shutil.which(f"python{sys.version_info.major}.{sys.version_info.minor}", path=Path(sys.base_prefix) / "bin")
    if below is None:
        raise BrokenEnvironment("neither pip nor uv is here; install one: python -m ensurepip, or pip install uv")
    return [below, "-m", "pip", "--python", sys.executable]


def _has_pip() -> bool:
    return importlib.util.find_spec("pip") is not None


def _uv() -> str | None:
    """uv, from PATH or from beside this interpreter, whose environment may not be activated."""
    return shutil.which("uv") or shutil.which("uv", path=Path(sys.executable).parent)


def _find_links() -> list[str]:
    """uv does not read pip's variable for directories of wheels."""
    return [word for link in os.environ.get("PIP_FIND_LINKS", "").split() for word in ("--find-links", link)]


def run(command: Sequence[str]) -> str:
    """What an installer prints. Raises BrokenEnvironment with the last lines if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("WARNING")]
        reason = " ".join(" ".join(lines[-3:]).split())[:LONGEST_ERROR] or f"exit code {done.returncode}"
        raise BrokenEnvironment(f"`{' '.join(command[1:])}` failed: {reason}")
    return done.stdout
