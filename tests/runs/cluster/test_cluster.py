"""On a Dask cluster a run comes to the same verdicts as in one process, whatever becomes of workers on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("distributed", reason="a cluster is one of Dask: the extra `cluster`")

from jaccheck_support.clusters import joined
from jaccheck_support.sums import summed
from jaccheck_support.testing import Run, heeding_ctrl_c

from jaccheck.case import PROFILES
from jaccheck.errors import BrokenEnvironment, ClusterLost, UnknownName
from jaccheck.reports import Outcome, Report, Settings, Spent, load
from jaccheck.runs import (
    Cluster,
    Recording,
    Shard,
    Store,
    Tally,
    in_this_process,
    shards,
)
from jaccheck.runs.cluster import client as cluster_client
from jaccheck.runs.cluster import crew, node
from jaccheck.runs.cluster.messages import Node
from jaccheck.runs.cluster.worker import here
from jaccheck.runs.results import Sums
from jaccheck.selftest import choose_with_mutants

pytestmark = pytest.mark.slow

QUICK = PROFILES["quick"]
METHODS = ("hooks", "mutant:sample_roll")
FEW: dict[str, Any] = {"families": ("generic", "kinks"), "dtypes": ("float32",)}


def plan(cases: int = 20) -> Iterator[Shard]:
    """A small run."""
    settings = Settings(
        profile="quick", seed=4, max_examples=cases, time=None, methods=METHODS, devices=("cpu",), **FEW
    )
    return shards(QUICK, settings)


@pytest.fixture(scope="module")
def local() -> Sums:
    """What the run comes to in this process."""
    return summed(in_this_process(choose_with_mutants(METHODS), QUICK).scheduler(plan()))


def test_the_verdicts_are_those_of_one_process(cluster: Any, local: Sums) -> None:
    """The same counts, coverage and failing cases, for the same seed."""
    with joined(cluster.address, METHODS) as there:
        assert summed(there.results(plan())) == local


def test_a_worker_that_is_killed_loses_nothing(cluster: Any, local: Sums) -> None:
    """Its shards are judged by the others, once."""
    with joined(cluster.address, METHODS) as there:
        victim = cluster.add_worker()
        wait_for_workers(there, 3)
        results = there.results(plan())
        first = next(results)
        victim.send_signal(signal.SIGKILL)
        assert summed([first, *results]) == local


def wait_for_workers(there: Cluster, count: int) -> None:
    """Until so many have joined."""
    deadline = time.monotonic() + 60
    while there._crew.places()[""] < count:
        there._crew.look()
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_shard_for_a_gpu_goes_where_one_is(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the resource that the worker was started with; none other sees it. A worker without the device says so."""

    def who_am_i(*arguments: str) -> str:
        import os

        return str(os.getpid())

    shard = replace(next(plan()), device="cuda")
    with joined(cluster.address, METHODS) as there:
        wait_for_workers(there, 2)
        with pytest.raises(BrokenEnvironment, match="cannot judge: device 'cuda' is not here; torch reports cpu"):
            list(there.results([shard]))
    with joined(cluster.address, METHODS) as there:
        wait_for_workers(there, 2)
        monkeypatch.setattr(node, "answer", who_am_i)
        assert {pid for _, pid in there._spread.answers(there._piece(shard) for _ in range(4))} == {
            str(cluster.workers[1].pid)
        }


def test_a_device_without_workers_is_refused(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of a run that waits for one for ever."""
    with joined(cluster.address, METHODS) as there:
        assert there.choose_devices(()) == here().environment.devices
        with pytest.raises(UnknownName, match="with no worker of"):
            there.choose_devices(["cuda"])
        monkeypatch.setattr(crew, "GPU", "TPU")
        there._crew.devices["cuda"] = "none such"
        with pytest.raises(BrokenEnvironment, match="--resources GPU=1"):
            there.choose_devices(["cuda"])


def test_other_versions_are_refused(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is judged, in one line that names the worker and what differs."""
    mine = here()
    older = replace(mine, environment=replace(mine.environment, backpack="1.5.0", torch="2.2.0+cpu"), source="0")
    monkeypatch.setattr(cluster_client, "here", lambda: older)
    with pytest.raises(BrokenEnvironment, match="no worker that can judge after 20 s") as error:
        Cluster(cluster.address, wait=20)
    assert f"torch {mine.environment.torch.partition('+')[0]} there, 2.2.0 here" in str(error.value)
    assert f"backpack {mine.environment.backpack} there, 1.5.0 here" in str(error.value)
    assert "another source of jaccheck" in str(error.value)


def test_builds_of_torch_for_cpu_and_gpu_are_one_version() -> None:
    """A client without a GPU may use workers that have one."""
    mine = here()
    cuda = replace(mine, environment=replace(mine.environment, torch="2.13.0+cu126"))
    cpu = replace(mine, environment=replace(mine.environment, torch="2.13.0+cpu"))
    other = replace(mine, environment=replace(mine.environment, torch="2.13.1"))
    assert not list(Node.differences(cpu, cuda))
    assert list(cpu.differences(other)) == ["torch 2.13.1 there, 2.13.0 here"]


KILLERS = """
import os, signal
import jaccheck, psutil
from jaccheck.methods.autograd import autograd_batched

@jaccheck.method(family="own")
def kills_itself(problem):
    os.kill(os.getpid(), signal.SIGKILL)

@jaccheck.method(family="own")
def kills_its_worker(problem):
    for process in psutil.Process().parents():
        if "distributed.cli.dask_worker" in process.cmdline():
            process.kill()
    return autograd_batched(problem)

@jaccheck.method(family="own")
def kills_its_judge_where_spoilt(problem):
    for process in psutil.Process().parents() if os.environ.get("SPOILT") else ():
        if "jaccheck.runs.cluster.worker" in process.cmdline():
            process.kill()
    return autograd_batched(problem)
"""


@pytest.fixture
def killers(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Methods of the user's own, here and where the workers were started."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for directory in (cluster.directory, tmp_path):
        (directory / "killers.py").write_text(KILLERS)


@pytest.mark.usefixtures("killers")
def test_a_method_that_kills_is_a_verdict_and_no_worker_is_lost(cluster: Any) -> None:
    """It dies in a process below the worker's, which is replaced; the scheduler never hears of it."""
    with joined(cluster.address, ("killers:kills_itself",)) as there:
        tally = Tally()
        wait_for_workers(there, 2)
        before = there._crew.places()
        for result in there.results(plan(3)):
            tally.merge(result.sums)
        assert there._crew.places() == before
    (fault,) = tally.candidates
    assert (fault.method, fault.law, fault.outcome) == ("kills_itself", "survival", Outcome.CRASHED)
    assert tally.candidates[fault].seen == 3


def test_a_method_of_ones_own_that_workers_do_not_have(cluster: Any) -> None:
    """Is told by the worker, in one line."""
    with (
        joined(cluster.address, ("not_there:method",)) as there,
        pytest.raises(BrokenEnvironment, match="module 'not_there' does not import"),
    ):
        list(there.results(plan()))


def test_verify_at_the_command_line(cluster: Any, jaccheck: Run, tmp_path: Any) -> None:
    """Exit code and report are those of a run on this machine."""
    few = ("--family", "generic", "--dtype", "float32", "--max-examples", 8, "--seed", 3, "--quiet")
    named = ("--method", "hooks")
    for where, name in (((), "here.json"), (("--scheduler", cluster.address), "there.json")):
        done = jaccheck("verify", *few, *named, *where, "--report", name)
        assert done.returncode == 0, done.stderr
    one, other = load(Report, tmp_path / "here.json"), load(Report, tmp_path / "there.json")
    assert set(map(repr, one.coverage)) == set(map(repr, other.coverage))
    assert replace(one.totals, seconds=Spent()) == replace(other.totals, seconds=Spent())


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["interrupted", "killed"])
def test_a_run_that_is_ended_goes_on(cluster: Any, jaccheck: Run, tmp_path: Path, how: signal.Signals) -> None:
    """On the cluster, from the store: no shard is lost or judged twice. Ctrl-C leaves a report of what was done."""
    few = ("--family", "generic", "--dtype", "float32", "--max-examples", "400", "--seed", "3", "--method", "hooks")
    command = (sys.executable, "-m", "jaccheck", "verify", *few, "--scheduler", cluster.address, "--report", "cut.json")
    store = tmp_path / "runs.db"
    with subprocess.Popen(
        [*command, "--store", store], cwd=tmp_path, stdout=subprocess.PIPE, text=True, preexec_fn=heeding_ctrl_c
    ) as run:
        deadline = time.monotonic() + 120
        while cases_in(store) < 20:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        run.send_signal(how)
        said = run.communicate(timeout=60)[0]
    done = cases_in(store)
    assert 20 <= done < 400
    if how is signal.SIGINT:
        assert "To go on with it: jaccheck verify --resume 1" in said
        assert load(Report, tmp_path / "cut.json").interrupted
    ended = jaccheck("verify", "--resume", "--scheduler", cluster.address, "--store", store, "--report", "end.json")
    assert ended.returncode == 0, ended.stderr
    assert load(Report, tmp_path / "end.json").totals.cases == cases_in(store) == 400


def cases_in(path: Path) -> int:
    """How many cases the run in a store has had."""
    if not path.exists():
        return 0
    with Store(path) as store:
        return sum(Recording(store, run).sums().totals.cases for run in store.runs())


@pytest.mark.usefixtures("killers")
def test_a_worker_whose_judging_process_ends_again_and_again_is_left_out(cluster: Any) -> None:
    """Its shards are judged by the others, and it is named. A Dask worker that lives looks well to Dask."""
    spoilt = cluster.add_worker("--name", "spoilt", SPOILT="1")
    told: list[str] = []
    tally, sent = Tally(), list[Shard]()

    def until_told() -> Iterator[Shard]:
        for shard in plan(100_000):
            if told:
                return
            sent.append(shard)
            yield shard

    try:
        with joined(cluster.address, ("killers:kills_its_judge_where_spoilt",), tell=told.append) as there:
            wait_for_workers(there, 3)
            for result in there.results(until_told()):
                tally.merge(result.sums)
            use = there.use
    finally:
        spoilt.kill()
        spoilt.wait()
    assert (tally.totals.cases, tally.candidates) == (sum(shard.count for shard in sent), {})
    ((worker, why),) = use.left_out.items()
    assert worker.startswith("spoilt at tcp://")
    assert "its judging process ended on 3 parts in a row: the process was ended by SIGKILL" in why
    assert told == [f"worker {worker} is left out: {why}"]
    assert use.lost >= 3
    assert worker not in use.judged
    assert use.fell_back == 0


@pytest.mark.usefixtures("killers")
def test_a_shard_that_no_worker_survives_is_judged_here(cluster: Any) -> None:
    """After as many workers as Dask lets it cost, here two, and with no traceback of Dask's. They are gone after it."""
    with joined(cluster.address, ("killers:kills_its_worker",)) as there:
        (result,) = there.results([next(plan())])
        assert (there.use.fell_back, there.use.judged) == (1, {})
    assert result.is_whole
    assert [worker.poll() for worker in cluster.workers[:2]] == [-signal.SIGKILL] * 2


def test_a_scheduler_that_goes_away_ends_the_run(cluster: Any) -> None:
    """In one line; what came before it is kept. The last test: there is no cluster after it."""
    cluster.add_worker()
    with joined(cluster.address, METHODS) as there:
        results = there.results(plan(2000))
        assert next(results).is_whole
        os.kill(cluster.scheduler.pid, signal.SIGKILL)
        with pytest.raises(ClusterLost, match="is gone"):
            list(results)
