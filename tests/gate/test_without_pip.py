"""The gate in environments without pip, as uv makes them: uv fetches one, or the Python below lends its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from jaccheck_support.environments import LinkedEnvironment

pytestmark = pytest.mark.slow

OLD, NEW = "backpack-for-pytorch==1.7.0", "backpack-for-pytorch==1.7.1"
RANGE = "backpack-for-pytorch>=1.7,<1.7.1"
FEW = ("--family", "single_sample", "--dtype", "float64", "--method", "batch_grad_loop", "--quiet")


def uv() -> str | None:
    """From PATH, or from beside this interpreter."""
    return shutil.which("uv") or shutil.which("uv", path=Path(sys.executable).parent)


@pytest.fixture
def there(tmp_path: Path) -> LinkedEnvironment:
    """Made by uv."""
    if uv() is None:
        pytest.skip("uv is not installed here: pip install uv")
    made = LinkedEnvironment(tmp_path / "env", maker=(str(uv()), "venv", "-q", "--python", sys.executable))
    made.install_jaccheck()
    assert made.run("-c", "import pip").returncode == 1
    return made


@pytest.mark.parametrize("sides", [(RANGE, NEW), (OLD, NEW, "--bisect")], ids=["range", "bisect"])
def test_ranges_and_bisections(there: LinkedEnvironment, tmp_path: Path, sides: tuple[str, ...]) -> None:
    """Both ask for all releases, which uv itself cannot list."""
    done = there.run("-m", "jaccheck", "gate", *sides, *FEW, "--cache", tmp_path / "cache")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("nothing that matters changed: ")
    assert f" → {NEW}, " in done.stdout


def test_without_uv_the_python_below_lends_its_pip(there: LinkedEnvironment, tmp_path: Path) -> None:
    """Where that has one."""
    say = (
        "from jaccheck.gate.installing import pip, releases_of as of; print(pip()); print(*of('backpack-for-pytorch'))"
    )
    variables = {**os.environ, "PATH": str(tmp_path)}
    done = subprocess.run([there.python, "-c", say], capture_output=True, text=True, env=variables)
    assert done.returncode == 0, done.stderr
    command, releases = done.stdout.splitlines()
    assert "--python" in command
    assert {"1.7.0", "1.7.1"} <= set(releases.split())
