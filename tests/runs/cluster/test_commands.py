"""Every command that takes `--scheduler` reports on a cluster what it reports on one machine."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("distributed", reason="a cluster is one of Dask: the extra `cluster`")

from jaccheck_support.testing import Run

from jaccheck.case import PROFILES, boundary_cases
from jaccheck.cli import selftest as command
from jaccheck.errors import BrokenEnvironment
from jaccheck.methods import choose_methods
from jaccheck.reports import Environment, MatrixReport, SequenceReport, load
from jaccheck.runs import Cluster
from jaccheck.selftest import catalogue, repeating_every, score

FILE = "scheduler.json"


def everywhere(environment: Environment) -> Environment:
    """Without the number of threads, which the workers of the fixture have fewer of."""
    return replace(environment, threads=0)


@pytest.mark.slow
def test_matrix(cluster: Any, jaccheck: Run, tmp_path: Path) -> None:
    """Cell by cell, by the scheduler's file; the report says who measured."""
    few = ("matrix", "--dtype", "float32", "--method", "hooks")
    for where, name in (((), "here.json"), (("--scheduler", cluster.directory / FILE), "there.json")):
        done = jaccheck(*few, *where, "--report", name)
        assert done.returncode == 0, done.stderr
    assert "on a cluster: 9 parts by 2 workers" in done.stdout
    here, there = load(MatrixReport, tmp_path / "here.json"), load(MatrixReport, tmp_path / "there.json")
    assert there.cluster
    assert there.cells == here.cells


@pytest.mark.slow
def test_sequences(cluster: Any, jaccheck: Run, tmp_path: Path) -> None:
    """The same sequences, comparisons and known issues, by the variable that Dask has for the scheduler."""
    few = ("sequences", "--examples", 60, "--steps", 6, "--seed", 2, "--quiet")
    for where, name in (((), "here.json"), (("--scheduler",), "there.json")):
        done = jaccheck(*few, *where, "--report", name, env={**os.environ, "DASK_SCHEDULER_ADDRESS": cluster.address})
        assert done.returncode == 0, done.stderr
    here, there = load(SequenceReport, tmp_path / "here.json"), load(SequenceReport, tmp_path / "there.json")
    assert there.cluster
    assert replace(there, seconds=0.0, cluster=None, environment=everywhere(there.environment)) == replace(
        here, seconds=0.0, environment=everywhere(here.environment)
    )


@pytest.mark.slow
def test_selftest(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same kills and alarms; here with few cases, since it has no option for that."""
    cases = [*boundary_cases("generic", "float64")[:4], *boundary_cases("kinks", "float32")[:4]]
    mutants = dict(list(catalogue().items())[:10])
    monkeypatch.setattr(command, "quick_cases", lambda seed: cases)
    monkeypatch.setattr(command.selftest, "catalogue", lambda: mutants)
    told: list[tuple[int, int]] = []
    with Cluster(cluster.address) as there:
        found = command._score_on(there, 0, lambda *done: told.append(done))
    laws_of = repeating_every(PROFILES["quick"].repeat_every)
    whole = score(cases, mutants.values(), choose_methods(()), laws_of=laws_of)
    assert found.cluster
    assert replace(found, cluster=None, seconds=0.0) == replace(whole, seconds=0.0)
    assert told[0] == (0, 3)
    assert told[-1] == (3, 3)


@pytest.mark.slow
def test_the_first_worker_is_waited_for(lonely_scheduler: Any) -> None:
    """It may come after the command, which says that it waits; where none comes in time, that is one line."""
    told: list[str] = []
    with pytest.raises(BrokenEnvironment, match=r"has no workers after 1 s; --wait gives it more time$"):
        Cluster(lonely_scheduler.address, wait=1, tell=told.append)
    assert told == [f"waiting for the first worker of {lonely_scheduler.address}, 1 s at most"]
    late = threading.Timer(2.0, lonely_scheduler.add_worker)
    late.start()
    with Cluster(lonely_scheduler.address) as there:
        assert len(there._crew.fit()) == 1


@pytest.mark.slow
def test_a_worker_without_jaccheck_is_named(lonely_scheduler: Any, tmp_path: Path) -> None:
    """Dask ends it when it is asked; the others judge."""
    (tmp_path / "jaccheck.py").write_text("raise ModuleNotFoundError('no jaccheck here')")
    lonely_scheduler.add_worker("--name", "bare", PYTHONPATH=str(tmp_path))
    told: list[str] = []
    with pytest.raises(BrokenEnvironment, match=r"tcp://.* is left out: .*jaccheck"):
        Cluster(lonely_scheduler.address, wait=60, tell=told.append)
    assert len(told) == 1 + told[0].startswith("waiting")


@pytest.mark.slow
def test_a_scheduler_without_jaccheck_is_named(unstarted: Any, tmp_path: Path) -> None:
    """At once, and it is not taken for the fault of a worker."""
    (tmp_path / "jaccheck.py").write_text("raise ModuleNotFoundError('no jaccheck here')")
    unstarted.start(PYTHONPATH=str(tmp_path))
    unstarted.add_worker()
    with pytest.raises(BrokenEnvironment, match=r"the scheduler at tcp://.* does not know jaccheck: install it where"):
        Cluster(unstarted.address, wait=60)


@pytest.mark.full
@pytest.mark.parametrize("name", ["verify", "matrix", "selftest", "sequences"])
def test_no_scheduler_is_meant(jaccheck: Run, name: str) -> None:
    """`--scheduler` alone, where nothing names one: one line, before torch is loaded."""
    done = jaccheck(name, "--scheduler")
    assert done.returncode == 2
    assert done.stderr.startswith("jaccheck: --scheduler names none, and DASK_SCHEDULER_ADDRESS is not set: give an ")
    assert done.stderr.count("\n") == 1


@pytest.mark.full
def test_a_scheduler_file_that_is_not_there(jaccheck: Run, tmp_path: Path) -> None:
    """Is waited for, as is said, and then one line; so is one that names no address, and a folder that is not there."""
    done = jaccheck("verify", "--scheduler", FILE, "--wait", 1)
    assert done.returncode == 2
    waiting, line = done.stderr.splitlines()
    assert waiting == f"jaccheck: waiting for the scheduler file {FILE}, 1 s at most"
    assert line.startswith(f"jaccheck: scheduler file {FILE}: it is not there; `dask scheduler --scheduler-file")
    (tmp_path / FILE).write_text("{}")
    done = jaccheck("verify", "--scheduler", FILE)
    assert (done.returncode, done.stderr) == (
        2,
        f"jaccheck: scheduler file {FILE} names no address; expected what `dask scheduler --scheduler-file` writes\n",
    )
    done = jaccheck("verify", "--scheduler", f"nowhere/{FILE}")
    assert (done.returncode, done.stderr) == (
        2,
        f"jaccheck: scheduler file nowhere/{FILE}: there is no folder nowhere\n",
    )
