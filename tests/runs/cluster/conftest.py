"""A real scheduler and real workers, as processes of their own on the loopback interface."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

START_SECONDS = 120


@dataclass
class LoopbackCluster:
    """Its processes, and where its scheduler listens."""

    directory: Path
    scheduler: subprocess.Popen[bytes] | None = None
    address: str = ""
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, **environment: str) -> None:
        """Starts the scheduler, and waits until it listens."""
        file = self.directory / "scheduler.json"
        self.scheduler = self._run(
            *("dask_scheduler", "--port", "0", "--scheduler-file", str(file)),
            DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="1",
            **environment,
        )
        deadline = time.monotonic() + START_SECONDS
        while not self.address:
            assert time.monotonic() < deadline, "no scheduler"
            with contextlib.suppress(FileNotFoundError, ValueError):
                self.address = json.loads(file.read_text())["address"]
            time.sleep(0.1)

    def add_worker(self, *options: str, **environment: str) -> subprocess.Popen[bytes]:
        """Starts one more worker of one thread; it joins when it is ready."""
        arguments = (self.address, "--nthreads", "1", "--no-nanny", *options)
        self.workers.append(self._run("dask_worker", *arguments, **environment))
        return self.workers[-1]

    def stop(self) -> None:
        """Ends all processes."""
        for process in (*self.workers, self.scheduler):
            if process is not None:
                process.kill()
                process.wait()

    def _run(self, name: str, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-P", "-m", f"distributed.cli.{name}", "--host", "127.0.0.1", "--no-dashboard"]
        log = (self.directory / f"{name}.log").open("ab")
        with log:
            return subprocess.Popen(
                [*command, *arguments],
                cwd=self.directory,
                stdout=log,
                stderr=log,
                env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
            )


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackCluster]:
    """A scheduler with two workers, the second of which says that it has a GPU."""
    made = LoopbackCluster(tmp_path_factory.mktemp("cluster"))
    try:
        made.start()
        made.add_worker()
        made.add_worker("--resources", "GPU=1", "--name", "with-gpu")
        yield made
    finally:
        made.stop()


@pytest.fixture
def unstarted(tmp_path: Path) -> Iterator[LoopbackCluster]:
    """A cluster of nothing."""
    made = LoopbackCluster(tmp_path)
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def lonely_scheduler(unstarted: LoopbackCluster) -> LoopbackCluster:
    """A scheduler without workers."""
    unstarted.start()
    return unstarted
