"""A cluster whose workers come and go while a run is on it, as on a batch system or in a cloud."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

distributed = pytest.importorskip("distributed", reason="a cluster is one of Dask: the extra `cluster`")

from jaccheck_support.clusters import joined
from jaccheck_support.sums import summed

import jaccheck
from jaccheck.case import PROFILES
from jaccheck.reports import Settings
from jaccheck.runs import Cluster, Shard, in_this_process, shards
from jaccheck.runs.cluster.crew import Crew
from jaccheck.runs.cluster.worker import here
from jaccheck.runs.results import Sums
from jaccheck.selftest import choose_with_mutants

pytestmark = pytest.mark.slow

METHODS = ("hooks", "mutant:sample_roll")


def plan(cases: int) -> Iterator[Shard]:
    """A run of so many cases."""
    settings = Settings(
        profile="quick",
        seed=4,
        max_examples=cases,
        time=None,
        methods=METHODS,
        devices=("cpu",),
        dtypes=("float32",),
        families=("generic", "kinks"),
    )
    return shards(PROFILES["quick"], settings)


def judged_here(some: Iterable[Shard]) -> Sums:
    """What these shards come to in this process."""
    return summed(in_this_process(choose_with_mutants(METHODS), PROFILES["quick"]).scheduler(some))


@contextmanager
def local_cluster(workers: int) -> Iterator[Any]:
    """A `LocalCluster` of real processes, of one thread each."""
    with distributed.LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None, memory_limit=0
    ) as made:
        yield made


@contextmanager
def of_another_version(address: str, folder: Path) -> Iterator[None]:
    """A Dask worker in whose jaccheck one line is another, as in a checkout of last week."""
    shutil.copytree(Path(jaccheck.__file__).parent, folder / "jaccheck", ignore=shutil.ignore_patterns("__pycache__"))
    with (folder / "jaccheck/errors.py").open("a") as file:
        file.write("# of last week\n")
    command = [sys.executable, "-P", "-m", "distributed.cli.dask_worker", address, "--name", "of last week"]
    options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1"]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    with (folder / "log").open("wb") as log:
        worker = subprocess.Popen([*command, *options], env=environment, cwd=folder, stdout=log, stderr=log)
    try:
        yield
    finally:
        worker.kill()
        worker.wait()


def test_one_is_killed_one_joins_late_one_has_another_version(tmp_path: Path) -> None:
    """The verdicts are those of one process; who was left out is named, and who came late has judged."""
    told: list[str] = []
    sent: list[Shard] = []

    def until_all_has_happened(there: Cluster) -> Iterator[Shard]:
        for shard in plan(100_000):
            if told and any(each.startswith("2 at ") for each in there.use.judged):
                return
            sent.append(shard)
            yield shard

    with (
        local_cluster(2) as made,
        of_another_version(made.scheduler_address, tmp_path),
        joined(made.scheduler_address, METHODS, tell=told.append) as there,
    ):
        results = there.results(until_all_has_happened(there))
        first = next(results)
        os.kill(made.workers[0].pid, signal.SIGKILL)
        made.scale(3)
        found = summed([first, *results])
        use = there.use
    assert found == judged_here(sent)
    ((worker, why),) = use.left_out.items()
    assert worker.startswith("of last week at tcp://")
    assert why.startswith("another source of jaccheck")
    assert told == [f"worker {worker} is left out: {why}"]
    assert worker not in use.judged
    assert use.fell_back == 0
    assert sum(use.judged.values()) == len(sent)


def test_dasks_own_updates_hide_no_worker() -> None:
    """A client asks its scheduler for news without workers now and then; here as often as it can."""
    with local_cluster(1) as made, distributed.Client(made.scheduler_address) as client:
        callback = client._periodic_callbacks["scheduler-info"]

        async def often() -> None:
            callback.stop()
            callback.callback_time = 0.5
            callback.start()

        client.sync(often)
        told: list[str] = []
        crew = Crew(client, made.scheduler_address, here(), told.append)
        until = time.monotonic() + 20
        while not crew.fit() and time.monotonic() < until:
            crew.look(at_once=True)
        assert crew.fit()
        assert not crew.left_out
        assert not told


def test_a_cluster_that_starts_workers_when_there_is_work() -> None:
    """`adapt(minimum=0)` has none when the run begins, and ends them when it is over."""
    with local_cluster(0) as made:
        made.adapt(minimum=0, maximum=2, interval="200ms", target_duration="1s")
        with joined(made.scheduler_address, METHODS) as there:
            found = summed(there.results(plan(100)))
            assert there.use.judged
        deadline = time.monotonic() + 60
        while made.scheduler_info["workers"]:  # nothing that was asked of them is left
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert found == judged_here(plan(100))
