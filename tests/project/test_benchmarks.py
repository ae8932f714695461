"""The measurements in benchmarks/ can be run from a checkout, each by `python benchmarks/NAME.py`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SCRIPTS = [path for path in sorted(BENCHMARKS.glob("*.py")) if "__main__" in path.read_text()]
LOAD = "import runpy, sys; [runpy.run_path(path, run_name='loaded') for path in sys.argv[1:]]"


@pytest.mark.full
def test_every_script_finds_what_it_imports() -> None:
    """With its own folder on the path, where a link stands for the support package of the tests."""
    assert len(SCRIPTS) > 10
    environment = {**os.environ, "PYTHONPATH": str(BENCHMARKS)}
    command = [sys.executable, "-c", LOAD, *map(str, SCRIPTS)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_benchmarks_refuse_to_run_in_parallel() -> None:
    """pytest-xdist would have them compete for the cores; the answer is one line, not a table of nonsense."""
    command = [sys.executable, "-m", "pytest", "benchmarks", "-n", "2", "-q"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=BENCHMARKS.parent)
    assert done.returncode == 4
    assert "cannot run under xdist" in done.stderr
