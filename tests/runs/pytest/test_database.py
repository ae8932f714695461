"""What failed on one machine is tried first by the others, where they share a folder or a Redis server."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PROGRAM = """
import sys
from hypothesis import given, seed, strategies as st
from jaccheck.runs.pytest.settings import profile

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


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Where a Redis server of our own listens on the loopback interface."""
    if shutil.which("redis-server") is None:
        pytest.skip("there is no redis-server here (Debian: apt-get install redis-server)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path))
    with subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 30
            while socket.socket().connect_ex(("127.0.0.1", port)):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.kill()


def first(folder: Path, name: str, seed: int, shared: object) -> tuple[int, bool]:
    """What is tried first in a process of its own, and whether the test fails there."""
    command = [sys.executable, "-c", PROGRAM, str(seed), name, str(shared)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
    tried, found = done.stdout.split()
    return int(tried), found == "True"


@pytest.mark.parametrize("name", ["nightly", "ci"])
def test_a_failure_of_another_process_comes_first(tmp_path: Path, name: str) -> None:
    """With another seed; without the folder it is drawn only by chance, and never first."""
    shared = tmp_path / "shared"
    seed = next(seed for seed in range(40) if first(tmp_path, name, seed, shared)[1])
    assert first(tmp_path, name, seed + 100, shared)[0] % 50 == 7
    assert first(tmp_path, name, seed + 100, "")[0] % 50 != 7


def test_on_a_redis_server_too(tmp_path: Path, server: str) -> None:
    """The same, without a folder that both mount."""
    seed = next(seed for seed in range(40) if first(tmp_path, "ci", seed, server)[1])
    assert first(tmp_path, "ci", seed + 100, server)[0] % 50 == 7
