"""The example of a package with a method of its own: installed for real, green as it is, red with a mutant."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[3] / "examples" / "per-sample-parameters"
RIGHT = "outputs[:, c].sum()"
WRONG = "outputs[:, c].mean()"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the installed package, `site`, and a copy of its source tree, `source`."""
    folder = tmp_path_factory.mktemp("example")
    shutil.copytree(EXAMPLE, folder / "source")
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target"]
    subprocess.run([*install, folder / "site", folder / "source"], check=True)
    (folder / "source" / "per_sample_parameters.py").unlink()
    return folder


def run(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command of Python with the package on its path, in the package's source tree."""
    environment = {**os.environ, "PYTHONPATH": str(installed / "site")}
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=installed / "source", env=environment)


def test_green_as_it_is(installed: Path) -> None:
    """Its one line of a test file passes, and the method is among the installed ones."""
    done = run(installed, "pytest", "-q", "--jaccheck-dtype=float32")
    assert done.returncode == 0, done.stdout
    assert "no finding in 10 checks" in done.stdout
    listed = run(installed, "jaccheck", "methods")
    assert "per_sample_parameters" in listed.stdout


def test_red_with_a_mutant(installed: Path) -> None:
    """A mean for a sum: the output says how far off, where, and for which smallest network; replay sees it again."""
    module = installed / "site" / "per_sample_parameters.py"
    text = module.read_text()
    assert RIGHT in text
    module.write_text(text.replace(RIGHT, WRONG))
    try:
        done = run(installed, "pytest", "-q", "--jaccheck-dtype=float32")
        assert done.returncode == 1
        assert set(re.findall(r"^FAILED \S+::(\S+)", done.stdout, re.MULTILINE)) == {
            "test_per_sample_parameters[agreement-cpu-float32]",
            "test_per_sample_parameters[batch-cpu-float32]",
        }
        assert "DISAGREES: per_sample_parameters on cpu, agreement: 0.weight[0, 0, 0, 0]: " in done.stdout
        assert "batch_size=2" in done.stdout
        # Hypothesis may tell several kinds of failure apart.
        commands = re.findall(r"^To see it again: (jaccheck replay \S+)$", done.stdout, re.MULTILINE)
        assert commands
        assert all(run(installed, *command.split()).stdout.startswith("DISAGREES: ") for command in commands)
    finally:
        module.write_text(text)
    assert all(run(installed, *command.split()).stdout.startswith("FIXED: ") for command in commands)
