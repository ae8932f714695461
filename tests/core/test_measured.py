"""What runs in a worker process is measured by coverage.py, though every worker is killed in the end."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

MODEL = """
import torch

def make():
    return torch.nn.Linear(3, 2), torch.ones(2, 3)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "file"),
    [
        (("check", "model.py:make", "--method", "hooks"), "jaccheck/models/worker.py"),
        (("verify", "--seed", "1", "--max-examples", "1", "--method", "hooks"), "jaccheck/runs/workers/worker.py"),
    ],
    ids=["child", "fork"],
)
def test_lines_of_a_worker_are_measured(tmp_path: Path, command: tuple[str, ...], file: str) -> None:
    """With the configuration of this project: a child that answers requests, and a fork that judges cases."""
    if importlib.util.find_spec("coverage") is None:
        pytest.skip("coverage comes with the extra `lint`")
    (tmp_path / "model.py").write_text(MODEL)
    variables = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    variables["COVERAGE_FILE"] = str(tmp_path / ".coverage")
    configured = f"--rcfile={ROOT / 'pyproject.toml'}"
    for words in (
        ("run", configured, "-m", "jaccheck", *command),
        ("combine", "--quiet"),
        ("json", "-q", "-o", "c.json"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "coverage", *words], cwd=tmp_path, env=variables, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
    files = json.loads((tmp_path / "c.json").read_text())["files"]
    (measured,) = (found["summary"]["percent_covered"] for path, found in files.items() if path.endswith(file))
    assert measured > 20  # the lines of definitions alone are not run here
