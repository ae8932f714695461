"""What several test files share."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from jaccheck_support.testing import Run

from jaccheck.case import Case, Linear, ReLU


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Small problems are fastest on one thread, and two cores are shared."""
    torch.set_num_threads(1)


@pytest.fixture
def case() -> Case:
    """A small network with a kink."""
    layers = (Linear(out_features=4), ReLU(), Linear(out_features=2))
    return Case(layers=layers, in_shape=(3,), batch_size=5)


@pytest.fixture
def jaccheck(tmp_path: Path) -> Run:
    """Runs the command line in a process of its own, in an empty folder."""

    def run(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "jaccheck", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300, **options)  # type: ignore[call-overload, no-any-return]

    return run
