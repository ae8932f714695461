"""Methods that use processes run as in a script; whoever misuses them is named, and nothing of them stays."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import psutil
import pytest

from jaccheck.case import PROFILES, Case, Linear
from jaccheck.methods import choose_methods
from jaccheck.methods.registry import forget
from jaccheck.reports import SURVIVAL, Finding, Outcome, Report, Settings, Told
from jaccheck.runs import Assignment, Judges, Limits, Pool, ShardResult, Tally, given_shards, run_shards

pytestmark = pytest.mark.slow

MODULE = "jaccheck_support.processes"
QUICK = replace(PROFILES["quick"], shrink_seconds=0.5)
CASES = [Case(layers=(Linear(out_features=2),), in_shape=(3,), batch_size=n, family="generic") for n in (1, 2)]
SETTINGS = Settings(
    profile="quick",
    seed=1,
    max_examples=None,
    time=None,
    methods=(),
    devices=("cpu",),
    dtypes=("float32",),
    families=("generic",),
)


class Quiet:
    """A listener that hears nothing."""

    def on_result(self, result: ShardResult, tally: Tally) -> None:
        """Nothing."""

    def on_finding(self, finding: Finding) -> None:
        """Nothing."""

    def on_given_up(self, method: str) -> None:
        """Nothing."""


@pytest.fixture(scope="module", autouse=True)
def processes() -> Iterator[ModuleType]:
    """The module, whose methods are registered as long as they are needed; else each test would meet them."""
    processes = importlib.import_module(MODULE)
    yield processes
    for name, found in list(vars(processes).items()):
        if getattr(found, "__module__", "") == MODULE:
            forget(name)


def run(folder: Path, *kinds: str, memory: int = 2**32) -> Report:
    """A run of these methods, with some that are right, over two cases in one worker."""
    names = tuple(f"{MODULE}:{kind}" for kind in kinds)
    names = (*names, "outer_products", "autograd_loop")
    with Pool(1, Assignment(methods=names, profile="quick"), Limits(seconds=60.0, memory=memory), folder) as pool:
        judges = Judges(pool.results, pool.probe)
        some, methods = given_shards(CASES, ["cpu"]), choose_methods(names)
        return run_shards(SETTINGS, QUICK, methods, {"cpu": ""}, shards=some, judges=judges, listener=Quiet())


def test_right_methods_use_processes_as_in_a_script(tmp_path: Path, processes: ModuleType) -> None:
    """Locks, queues, pools, executors, workers of a DataLoader, shared memory, and standard input: no finding."""
    report = run(tmp_path, *processes.RIGHT)
    assert [(finding.method, finding.message) for finding in report.findings] == []
    assert {cell.compared for cell in report.coverage} == {len(CASES)}
    assert len(report.coverage) == len(processes.RIGHT) + 2


def test_a_fork_that_comes_back_is_no_second_worker(tmp_path: Path) -> None:
    """As many cases are counted as were asked, and it is told."""
    report = run(tmp_path, "comes_back")
    assert report.totals.cases == len(CASES)
    assert {cell.cases for cell in report.coverage} == {len(CASES)}
    assert {(f.method, f.law) for f in report.findings} == {("comes_back", "purity")}
    assert "forks that came back" in report.findings[0].message


def test_a_daemon_ends_and_a_helper_counts(tmp_path: Path) -> None:
    """What has left its session is told and ended; the memory of a helper is the method's."""
    report = run(tmp_path, "daemon", "hungry_helper", memory=2**29)
    found = {finding.method: finding for finding in report.findings}
    assert found.keys() == {"daemon", "hungry_helper"}
    assert "child processes: 1 more is left behind" in found["daemon"].message
    assert (found["hungry_helper"].law, found["hungry_helper"].outcome) == (SURVIVAL, Outcome.CRASHED)
    assert "out of memory" in found["hungry_helper"].message
    lines = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    assert [line for line in lines if "time.sleep(3601)" in line or "time.sleep(3602)" in line] == []


def test_the_culprit_is_named_and_no_other(tmp_path: Path) -> None:
    """Right methods that fail after another one are right alone: the finding is about that one."""
    report = run(tmp_path, "patches_unseen")
    assert {finding.method for finding in report.findings} == {"patches_unseen"}
    told = [finding for finding in report.findings if "after it, in the same process" in finding.message]
    assert [(finding.law, finding.outcome) for finding in told] == [("purity", Outcome.SIDE_EFFECT)]


def test_the_culprit_is_named_where_its_doing_comes_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A right method that runs when the process ends is not to blame, though nothing comes of it when it runs alone."""
    monkeypatch.chdir(tmp_path)
    report = run(tmp_path, "ends_later", "waits_once")
    assert {finding.method for finding in report.findings} == {"ends_later"}
    assert any("after it, in the same process, waits_once is CRASHED" in each.message for each in report.findings)


def test_what_failed_once_keeps_its_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it, with how often it was tried again."""
    monkeypatch.chdir(tmp_path)
    (finding,) = run(tmp_path, "once").findings
    assert finding.message.startswith("ValueError: not a text: \\udc80, and long")
    assert finding.message.endswith("(failed once in this run, not in 3 tries of the method alone)")
    assert finding.failure.detail == Told(text=finding.message, is_of_case=False)


HOSTILE = ("socket", "tempfile", "json", "random", "signal", "runpy", "multiprocessing", "ctypes")


COMMAND = "verify --no-store --family generic --dtype float32 --max-examples 1 --method mine:mine"


@pytest.mark.parametrize("inherited", [None, "", ".", f":{os.sep}nowhere"], ids=["unset", "empty", "here", "first"])
def test_files_of_the_working_directory_are_not_run(inherited: str | None, tmp_path: Path) -> None:
    """Those called as parts of the standard library; a module of the user's own is found there all the same.

    Only what jaccheck starts is asked here: the command itself is started by the user, with the user's PYTHONPATH.
    """
    for name in HOSTILE if inherited == "." else (*HOSTILE, "torch"):  # else the user has asked for another torch
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'RUN')!r}, 'a').write({name!r} + '\\n')")
    (tmp_path / "mine.py").write_text(
        "import jaccheck\nfrom jaccheck.methods.autograd import autograd_batched\n"
        "@jaccheck.method(family='mine')\ndef mine(problem):\n    return autograd_batched(problem)\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if inherited is not None:
        environment["PYTHONPATH"] = inherited
    clean = f"import sys; sys.path[:] = [p for p in sys.path if p not in ('', {str(tmp_path)!r})]"
    run_it = f"sys.argv[1:] = {COMMAND.split()}; from jaccheck.cli import main; main()"
    command = [sys.executable, "-c", f"{clean}; {run_it}"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + done.stdout
    assert not (tmp_path / "RUN").exists()
