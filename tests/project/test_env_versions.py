"""The assertion with which each tox environment begins fails where it should."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from jaccheck_support.env_versions import LOWEST, expected_versions, faults

SCRIPT = Path(__file__).parents[1] / "jaccheck_support" / "env_versions.py"


def test_a_name_promises_versions() -> None:
    """The first digit is the major version; BackPACK's minor version has one digit."""
    promised = {"python": "3.11", "torch": "2.13", "backpack-for-pytorch": "1.7.1"}
    assert expected_versions("py311-torch213-backpack171") == promised
    assert expected_versions("py311-torch22-nightly") == {"python": "3.11", "torch": "2.2"}


def test_the_lowest_versions_are_those_of_the_file() -> None:
    """`min` promises each of them, exactly."""
    promised = expected_versions("py311-min")
    assert len(promised) == LOWEST.read_text().count("==") + 1
    assert promised["torch"].count(".") == 2


def test_the_versions_that_are_here_pass() -> None:
    """With the name made of what is installed."""
    major, minor = version("torch").split(".")[:2]
    backpack = version("backpack-for-pytorch").replace(".", "")
    here = f"py{sys.version_info.major}{sys.version_info.minor}-torch{major}{minor}-backpack{backpack}"
    assert faults(here) == []


@pytest.mark.parametrize(
    ("env", "package"),
    [("py310", "python"), ("torch21", "torch"), ("torch29", "torch"), ("backpack110", "backpack-for-pytorch")],
)
def test_another_version_is_a_fault(env: str, package: str) -> None:
    """Also one whose digits begin alike: torch 2.13 is not torch 2.1."""
    (fault,) = faults(env)
    assert fault == f"{env}: {package} {fault.split()[2]} is installed instead of {expected_versions(env)[package]}"


def test_a_factor_that_promises_nothing_is_refused() -> None:
    """A slip of the pen in a name must not pass."""
    with pytest.raises(SystemExit, match="factor 'troch213' is not known"):
        expected_versions("py311-troch213")


def test_a_module_from_elsewhere_is_a_fault(tmp_path: Path) -> None:
    """A torch that hides the installed one ends tox's environment before its tests."""
    (tmp_path / "torch.py").write_text(f"__version__ = {version('torch')!r}\n")
    (tmp_path / "backpack.py").touch()
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-P", str(SCRIPT), f"py{sys.version_info.major}{sys.version_info.minor}"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"import of torch gives {tmp_path / 'torch.py'}" in done.stdout
