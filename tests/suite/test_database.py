"""What failed on one machine is tried first by the others, where they share a folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys
from hypothesis import given, seed, strategies as st
from jaccheck.suite.settings import profile

tried = []

def fails(x):
    tried.append(x)
    assert x % 50 != 7

given_seed, name, shared = sys.argv[1:]
try:
    profile(name, shared or None)(seed(int(given_seed))(given(st.integers(0, 10**6))(fails)))()
except AssertionError:
    pass
print(tried[0], 7 in [x % 50 for x in tried])
"""


@pytest.mark.parametrize("name", ["nightly", "ci"])
def test_a_failure_of_another_process_comes_first(tmp_path: Path, name: str) -> None:
    """With another seed; without the folder it is drawn only by chance, and never first."""

    def first(seed: int, shared: Path | str) -> tuple[int, bool]:
        command = [sys.executable, "-c", PROGRAM, str(seed), name, str(shared)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
        tried, found = done.stdout.split()
        return int(tried), found == "True"

    shared = tmp_path / "shared"
    seed = next(seed for seed in range(40) if first(seed, shared)[1])
    tried, _ = first(seed + 100, shared)
    assert tried % 50 == 7
    tried, _ = first(seed + 100, "")
    assert tried % 50 != 7
