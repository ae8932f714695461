"""Where Linux's means are not there, as on macOS and Windows, nothing needs them, and `verify` does without."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import jaccheck
from jaccheck.core import usable_cores

HIDDEN = """
import importlib.abc, os, signal, sys
import psutil  # on each system another one, that of Linux needs the module resource

class Hidden(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in ("resource", "fcntl", "pwd", "grp", "termios"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hidden())
for name in ("resource", "fcntl", "pwd", "grp", "termios"):
    sys.modules.pop(name, None)
for name in ("fork", "forkpty", "sched_getaffinity", "waitid", "process_cpu_count"):
    if hasattr(os, name):
        delattr(os, name)
for name in ("SIGALRM", "SIGKILL", "SIGCHLD", "SIGHUP", "setitimer", "pthread_sigmask", "sigwaitinfo"):
    delattr(signal, name)
"""
"""What a Python on another system does not have."""

ROOT = Path(jaccheck.__file__).parent
NEVER_IMPORTED = ("judging/known/scripts/", "judging/known/runner.py", "core/boot.py")
MODULES = [
    "jaccheck." + path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
    for path in sorted(ROOT.rglob("*.py"))
    if not path.relative_to(ROOT).as_posix().startswith(NEVER_IMPORTED)
]
ON_LINUX_ONLY = {
    *(f"jaccheck.runs.cluster.{name}" for name in ("address", "client", "crew", "spread")),
    "jaccheck.runs.matrix.spreading",
}
"""Dask imports fcntl or not, by itself."""


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What came of this code where these are hidden."""
    return subprocess.run(
        [sys.executable, "-c", HIDDEN + code], capture_output=True, text=True, cwd=folder, timeout=300
    )


@pytest.mark.full
def test_every_module_imports(tmp_path: Path) -> None:
    """None needs what is hidden before it is used."""
    names = [name for name in MODULES if name not in ON_LINUX_ONLY and not name.endswith("__main__")]
    done = run(
        f"""
import importlib
for name in {names!r}:
    try:
        importlib.import_module(name)
    except (ImportError, AttributeError) as error:
        if name.startswith("jaccheck.runs.cluster") and "distributed" in str(error):
            continue
        print(name, repr(error))
""",
        tmp_path,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


@pytest.mark.full
def test_verify_says_so_and_judges_in_its_own_process(tmp_path: Path) -> None:
    """One line, and the same counts as with workers; a wrong method is found all the same."""
    line = "jaccheck: this system has no safe fork, so methods are judged in this process"
    asked = ("--seed", "1", "--family", "generic", "--max-examples", "6", "--no-store", "--quiet")
    command = ["verify", *asked, "--method", "hooks", "--method", "mutant:sample_roll"]
    here = run(f"sys.argv = {['jaccheck', *command]!r}\nfrom jaccheck.__main__ import main\nmain()", tmp_path)
    assert here.returncode == 1, here.stdout + here.stderr
    assert sum(each.startswith(line) for each in here.stderr.splitlines()) == 1
    beside = subprocess.run(
        [sys.executable, "-m", "jaccheck", *command, "--workers", "2"], capture_output=True, text=True, cwd=tmp_path
    )
    assert "mutant:sample_roll on cpu" in here.stdout
    assert counted(here.stdout) == counted(beside.stdout)


def counted(said: str) -> str:
    """The summary without its seconds."""
    return next(line for line in said.splitlines() if line.startswith("1 finding")).partition(";")[0]


@pytest.mark.parametrize(
    ("quota", "at_most"), [("100000 100000", 1), ("250000 100000", 3), ("max 100000", 10**6), ("", 10**6)]
)
def test_cores_are_those_that_may_be_used(tmp_path: Path, quota: str, at_most: int) -> None:
    """Not more than a container's share of time, nor than the machine has."""
    (tmp_path / "cpu.max").write_text(quota)
    assert 1 <= usable_cores(tmp_path / "cpu.max") <= at_most
    assert usable_cores(tmp_path / "nothing") >= 1
