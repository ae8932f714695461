"""Whatever a method does to its process, the run goes on, says what it did, and loses nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import torch
from jaccheck_support.sums import summed
from jaccheck_support.testing import heeding_ctrl_c

from jaccheck.case import DTYPES, PROFILES, Case, Convolution, Flatten, Linear, MaxPool
from jaccheck.methods import choose_methods
from jaccheck.methods.registry import forget
from jaccheck.reports import SURVIVAL, Finding, Outcome, Report, Settings
from jaccheck.runs import Assignment, Judges, Limits, Pool, ShardResult, Tally, given_shards, run_shards, shards
from jaccheck.runs.judging import judge_shard
from jaccheck.runs.results import Sums
from jaccheck.runs.workers.fork_server import start_fork_server
from jaccheck.runs.workers.isolated import GIVEN_UP_AFTER

pytestmark = pytest.mark.slow

MISBEHAVING = "jaccheck_support.misbehaving"
QUICK = PROFILES["quick"]
LIMITS = Limits(seconds=10.0, memory=2**29)


class Quiet:
    """A listener that remembers which methods were given up on."""

    def __init__(self) -> None:
        self.given_up: list[str] = []

    def on_result(self, result: ShardResult, tally: Tally) -> None:
        """Nothing."""

    def on_finding(self, finding: Finding) -> None:
        """Nothing."""

    def on_given_up(self, method: str) -> None:
        """Remembers."""
        self.given_up.append(method)


@pytest.fixture(scope="module", autouse=True)
def _misbehaving() -> Iterator[None]:
    """The misbehaving methods are registered in the workers, and here as long as they are needed."""
    sys.modules.pop(MISBEHAVING, None)  # another test may have imported it, and made them forgotten
    yield
    for name in getattr(sys.modules.get(MISBEHAVING), "KINDS", ()):
        forget(name)


def settings(**changes: object) -> Settings:
    """A small run."""
    values = {
        "profile": "quick",
        "seed": 7,
        "max_examples": None,
        "time": None,
        "methods": (),
        "devices": ("cpu",),
        "dtypes": ("float32",),
        "families": ("generic",),
        **changes,
    }
    return Settings(**values)  # type: ignore[arg-type]


def run(folder: Path, names: tuple[str, ...], asked: Settings, *, limits: Limits = LIMITS) -> tuple[Report, Quiet]:
    """A run in two workers."""
    listener, profile = Quiet(), replace(QUICK, shrink_seconds=1.0)
    methods = choose_methods(names)
    with Pool(2, Assignment(methods=names, profile="quick"), limits, folder) as pool:
        judges = Judges(pool.results, pool.probe)
        some = shards(profile, asked)
        return run_shards(asked, profile, methods, {"cpu": ""}, shards=some, judges=judges, listener=listener), listener


SMALL = settings(dtypes=DTYPES, families=("kinks", "embedding"))
NAMES = ("outer_products", "sqrt_ggn_sum")


@pytest.fixture(scope="module")
def undisturbed() -> Sums:
    """What a run of some shards gives in this process."""
    torch.set_num_threads(1)
    return summed([judge_shard(shard, choose_methods(NAMES), QUICK) for shard in shards(QUICK, SMALL)])


def test_the_sums_are_those_of_one_process(undisturbed: Sums, tmp_path: Path) -> None:
    """The same shards give the same counts and failing cases in two workers."""
    with Pool(2, Assignment(methods=NAMES, profile="quick"), LIMITS, tmp_path) as pool:
        assert summed(list(pool.results(shards(QUICK, SMALL)))) == undisturbed


def test_a_worker_that_somebody_ends_changes_nothing(undisturbed: Sums, tmp_path: Path) -> None:
    """As the kernel does when memory is short: what the worker was at is done again, and no method is blamed."""
    with Pool(2, Assignment(methods=NAMES, profile="quick"), LIMITS, tmp_path) as pool:
        results = []
        for number, result in enumerate(pool.results(shards(QUICK, SMALL))):
            results.append(result)
            if number in (1, 4):
                workers = [p for p in psutil.Process().children(recursive=True) if is_worker(p)]
                os.kill(workers[0].pid, signal.SIGKILL)
        assert summed(results) == undisturbed


def is_worker(process: psutil.Process) -> bool:
    """A worker leads a session of its own."""
    return os.getsid(process.pid) == process.pid


def workers() -> set[psutil.Process]:
    """Those below this process."""
    return {process for process in psutil.Process().children(recursive=True) if is_worker(process)}


CRASHING = {
    "segmentation_fault": (Outcome.CRASHED, "SIGSEGV"),
    "exit_as_if_done": (Outcome.CRASHED, "exit code 0"),
    "everything_closed": (Outcome.CRASHED, "exit code"),
    "gigabytes_of_output": (Outcome.CRASHED, "more than 64 MiB"),
    "memory_without_end": (Outcome.CRASHED, "out of memory"),
}
HANGING = {"stop_itself": (Outcome.HUNG, "not done after")}


@pytest.mark.parametrize(("kinds", "seconds"), [(CRASHING, 60.0), (HANGING, 2.0)], ids=["crashing", "hanging"])
def test_misbehaviour_is_a_verdict_and_the_run_goes_on(
    kinds: dict[str, tuple[Outcome, str]], seconds: float, tmp_path: Path
) -> None:
    """Each kind is found, shrunk, and said what it is; the method beside them misses no case.

    On one sample no method misbehaves, nor in the law of batches, which takes one of them twice.
    """
    names = tuple(f"{MISBEHAVING}:{kind}" for kind in kinds)
    start_fork_server()  # it leads a session too, and lives as long as this process
    asked, others = settings(max_examples=2), workers()
    report, _ = run(tmp_path, (*names, "outer_products"), asked, limits=replace(LIMITS, seconds=seconds))
    assert sum(cell.compared for cell in report.coverage if cell.method == "outer_products") == report.totals.cases == 2
    for kind, (outcome, words) in kinds.items():
        found = [finding for finding in report.findings if finding.method == kind]
        assert {(f.law, f.outcome) for f in found} == {(SURVIVAL, outcome)}
        assert [finding.message for finding in found if words not in finding.message] == []
        assert min(finding.case.batch_size for finding in found) > 1
        assert sum(cell.cases for cell in report.coverage if cell.method == kind) == 2
    assert workers() <= others  # a node of the cluster's tests keeps its worker for as long as the process lives


def test_a_hopeless_method_is_given_up_on(tmp_path: Path) -> None:
    """After so many deaths it is left out, which the report says; the others go on to the end."""
    names = (f"{MISBEHAVING}:exit_with_code", "outer_products")
    report, listener = run(tmp_path, names, settings(families=("generic", "kinks", "square", "large")))
    assert report.given_up == ("exit_with_code",)
    assert listener.given_up == ["exit_with_code"]
    cases = {
        name: sum(c.cases for c in report.coverage if c.method == name) for name in ("exit_with_code", "outer_products")
    }
    assert cases["outer_products"] == report.totals.cases
    assert GIVEN_UP_AFTER <= cases["exit_with_code"] < report.totals.cases
    assert report.found_something


def test_workers_that_cannot_start_end_the_run(tmp_path: Path) -> None:
    """In one line: it is no method's fault, and would go on for ever."""
    from jaccheck.errors import BrokenEnvironment

    with (
        Pool(1, Assignment(methods=("nowhere:nothing",), profile="quick"), LIMITS, tmp_path) as pool,
        pytest.raises(BrokenEnvironment, match=r"before they judge anything.*nowhere"),
    ):
        list(pool.results(shards(QUICK, settings(max_examples=1))))


def test_ctrl_c_keeps_what_is_done(tmp_path: Path) -> None:
    """The results of what is done come out, whole shards or parts of them, and then the run ends."""
    heeding_ctrl_c()
    names = ("outer_products", f"{MISBEHAVING}:endless_loop")
    with Pool(1, Assignment(methods=names, profile="quick"), replace(LIMITS, seconds=600.0), tmp_path) as pool:
        float64_first = [*shards(QUICK, settings(dtypes=("float64",))), *shards(QUICK, settings())]
        threading.Thread(target=interrupt_when_hanging, args=(tmp_path,)).start()
        started = time.monotonic()
        results = list(pool.results(float64_first))
    assert time.monotonic() - started < 300
    assert [result.is_whole for result in results] == [True, True, False]


def interrupt_when_hanging(folder: Path) -> None:
    """Presses Ctrl-C once the worker has begun the endless loop."""
    hanging = b'"dtype":"float32"'
    journal = folder / "worker-0.json"
    while not (journal.exists() and hanging in (text := journal.read_bytes()) and b"endless_loop" in text):
        time.sleep(0.05)
    time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGINT)


FATAL = """
import torch
pool = torch.nn.MaxPool2d(2, padding=1, dilation=2)
for _ in range(1000):
    x = torch.ones(1, 3, 1, 1, dtype=torch.float64, requires_grad=True)
    pool(x).sum().backward()
"""


def test_a_case_that_torch_does_not_survive_is_a_finding_about_the_reference(tmp_path: Path) -> None:
    """A fault of torch's own: of a window that holds nothing but padding it writes beside the gradient.

    The cases before and after are judged as ever.
    """
    if subprocess.run([sys.executable, "-c", FATAL], capture_output=True, check=False).returncode == 0:
        pytest.skip(f"torch {torch.__version__} survives a MaxPool2d whose window lies in the padding")
    fatal = Case(
        layers=(
            Convolution(axes=2, out_channels=3, kernel_size=1),
            MaxPool(axes=2, kernel_size=2, padding=1, dilation=2),
            Flatten(),
            Linear(out_features=2),
        ),
        in_shape=(2, 1, 1),
        batch_size=8,
    )
    right = Case(layers=(Linear(out_features=2),), in_shape=(3,), batch_size=4)
    listener, asked = Quiet(), settings(families=("custom",))
    with Pool(1, Assignment(methods=("outer_products", "func_jacrev"), profile="quick"), LIMITS, tmp_path) as pool:
        judges = Judges(pool.results, pool.probe)
        some = given_shards([right, fatal, replace(right, seed=1)], ["cpu"])
        methods = choose_methods(("outer_products", "func_jacrev"))
        profile = replace(QUICK, shrink_seconds=5.0)
        report = run_shards(asked, profile, methods, {"cpu": ""}, shards=some, judges=judges, listener=listener)
    (finding,) = report.findings
    assert (finding.method, finding.law, finding.outcome) == ("reference", SURVIVAL, Outcome.CRASHED)
    assert "SIG" in finding.message
    assert any(isinstance(layer, MaxPool) for layer in finding.case.layers)
    assert report.totals.cases == 3
    assert {(cell.method, cell.compared) for cell in report.coverage} == {("outer_products", 2), ("func_jacrev", 2)}
