"""A run is repeatable, covers what it says, tells faults apart, reports each once, and ends well when interrupted."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch
from jaccheck_support.testing import Run, heeding_ctrl_c

from jaccheck.case import DTYPES, FAMILIES, PROFILES, Case, ScaleInput
from jaccheck.methods import Jacobians, Method, Problem, TooCostly, find_method, method
from jaccheck.methods.autograd import autograd_batched
from jaccheck.methods.registry import forget
from jaccheck.rendering import verify_summary
from jaccheck.reports import Finding, Outcome, Report, Settings, load
from jaccheck.runs import Shard, ShardResult, Tally, given_shards, in_this_process, run_shards, shards


class Recorder:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.cases: list[Case] = []
        self.findings: list[Finding] = []

    def on_result(self, result: ShardResult, tally: Tally) -> None:
        """Remembers the cases."""
        self.cases += result.shard.cases()

    def on_finding(self, finding: Finding) -> None:
        """Remembers the finding."""
        self.findings.append(finding)

    def on_given_up(self, method: str) -> None:
        """Never, in one process."""
        raise AssertionError(method)


def settings(**changes: object) -> Settings:
    """A small run."""
    values = {
        "profile": "quick",
        "seed": 1,
        "max_examples": 60,
        "time": None,
        "methods": (),
        "devices": ("cpu",),
        "dtypes": DTYPES,
        "families": FAMILIES,
        **changes,
    }
    return Settings(**values)  # type: ignore[arg-type]


def run(*methods: Method, **changes: object) -> tuple[Report, Recorder]:
    """A run of these methods."""
    asked = settings(**changes)
    return run_over(shards(PROFILES["quick"], asked), asked, *methods)


def run_over(some: Iterable[Shard], asked: Settings, *methods: Method) -> tuple[Report, Recorder]:
    """A run of these methods over these shards."""
    recorder, quick = Recorder(), PROFILES["quick"]
    judges = in_this_process(methods, quick)
    report = run_shards(asked, quick, methods, {"cpu": ""}, shards=some, judges=judges, listener=recorder)
    return report, recorder


@pytest.fixture
def two_faults() -> Iterator[Method]:
    """A method with two faults: outputs negated for tall weights, first sample lost for LeakyReLU."""

    @method(family="test")
    def doubly_wrong(problem: Problem) -> Jacobians:
        J = autograd_batched(problem)
        for name, p in problem.parameters.items():
            if p.dim() == 2 and p.shape[0] > p.shape[1]:
                J[name] = -J[name]
        if any(isinstance(module, torch.nn.LeakyReLU) for module in problem.model.modules()):
            J = {name: jacobian.index_fill(0, torch.tensor([0]), 0) for name, jacobian in J.items()}
        return J

    yield find_method("doubly_wrong")
    forget("doubly_wrong")


@pytest.fixture
def raising() -> Iterator[Method]:
    """A method that raises in float32 and is right elsewhere."""

    @method(family="test")
    def raises_in_float32(problem: Problem) -> Jacobians:
        if problem.X.dtype == torch.float32:
            raise RuntimeError(f"no {problem.X.dtype} today")
        return autograd_batched(problem)

    yield find_method("raises_in_float32")
    forget("raises_in_float32")


def test_the_same_seed_gives_the_same_run() -> None:
    """Case by case, and another seed gives another."""
    drawn = {"max_examples": None, "families": ("generic", "smooth", "views")}
    one, two, other = (run(find_method("outer_products"), seed=seed, **drawn)[1].cases for seed in (1, 1, 2))
    assert one == two
    assert one != other


@pytest.mark.full
def test_every_family_and_dtype_has_its_share() -> None:
    """A full quick run gives every family × dtype its boundary cases and the promised random ones."""
    wanted = list(shards(PROFILES["quick"], settings(max_examples=None)))
    assert {(shard.family, shard.dtype, shard.round) for shard in wanted} == {
        (family, dtype, number) for family in FAMILIES for dtype in DTYPES for number in (0, 1)
    }
    report, _ = run(find_method("outer_products"), max_examples=None)
    assert {(cell.family, cell.dtype) for cell in report.coverage} == {(f, d) for f in FAMILIES for d in DTYPES}
    assert min(cell.cases for cell in report.coverage) >= PROFILES["quick"].cases_per_round
    assert report.vacuous == ()
    assert report.findings == ()


@pytest.mark.full
def test_two_faults_of_one_method_are_told_apart(two_faults: Method) -> None:
    """Both are found and both are shrunk, each reported once."""
    report, recorder = run(two_faults, max_examples=None, families=("generic", "kinks", "no_bias"))
    kinds = [[layer.kind for _, layer in finding.case.leaves()] for finding in report.findings]
    assert sorted(kinds) == [["Linear"], ["Linear", "LeakyReLU"]] or sorted(kinds) == [
        ["LeakyReLU", "Linear"],
        ["Linear"],
    ]
    assert {finding.law for finding in report.findings} == {"agreement"}
    assert len(recorder.findings) == 2
    assert report.totals.outcomes[Outcome.DISAGREES] > 10


def test_a_crash_is_a_verdict(raising: Method) -> None:
    """An exception is a finding, shrunk, with its message; the run goes on."""
    report, _ = run(raising, max_examples=None, families=("generic",))
    (finding,) = report.findings
    assert finding.outcome is Outcome.CRASHED
    assert finding.message.startswith("RuntimeError: no torch.float32 today (test_verify.py, line ")
    assert finding.case.dtype == "float32"
    assert finding.case.batch_size == 1
    assert report.totals.outcomes[Outcome.AGREES] > 0
    assert finding.seen == report.totals.outcomes[Outcome.CRASHED]


def test_torch_is_left_as_it_was() -> None:
    """Threads and generator are restored."""
    torch.set_num_threads(2)
    state = torch.get_rng_state()
    run(find_method("outer_products"), max_examples=5)
    assert torch.get_num_threads() == 2
    assert torch.equal(state, torch.get_rng_state())


def test_time_ends_a_run(jaccheck: Run, tmp_path: Path) -> None:
    """With --time a run ends by itself, with what was done until then."""
    done = jaccheck("verify", "--time", 3, "--method", "outer_products", "--family", "generic", "--report", "out.json")
    assert done.returncode == 0, done.stderr
    report = load(Report, tmp_path / "out.json")
    assert report.settings.time == 3
    assert report.totals.cases > 0


def test_with_time_the_cases_go_on() -> None:
    """With --time there are more shards than the profile's number; without, as many as it says."""
    quick, asked = PROFILES["quick"], settings(families=("generic",), max_examples=None)
    number = len(list(shards(quick, asked)))
    assert number == len(DTYPES) * (1 + quick.rounds)
    assert len(list(islice(shards(quick, replace(asked, time=3.0)), 10 * number))) == 10 * number


@pytest.mark.full
def test_interrupting_leaves_a_valid_report(tmp_path: Path) -> None:
    """Ctrl-C ends a run with what was done so far, and no exit code 0 although nothing was found in it."""
    command = [sys.executable, "-m", "jaccheck", "verify", "--seed", "1", "--time", "120", "--report", "out.json"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heeding_ctrl_c,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if re.search(r": [1-9]\d* cases", line):
                break
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 130, out
    assert "interrupted" in out
    report = load(Report, tmp_path / "out.json")
    assert report.interrupted
    assert report.totals.cases > 0
    assert json.loads((tmp_path / "out.json").read_text())["interrupted"] is True


@pytest.fixture
def timid() -> Iterator[Method]:
    """A method that refuses float32 for no reason, and float16 for its cost."""

    def refuses(problem: Problem) -> str | None:
        if problem.dtype == "float32":
            return "float32 is beyond me"
        return TooCostly("float16 takes too long") if problem.dtype == "float16" else None

    @method(family="test", unsupported=refuses)
    def timid_method(problem: Problem) -> Jacobians:
        return autograd_batched(problem)

    yield find_method("timid_method")
    forget("timid_method")


def test_a_claim_of_unsupported_that_works_is_reported(timid: Method) -> None:
    """Claims hold both ways, or whole layers drop out unseen; a refusal for cost is believed."""
    report, _ = run(timid, max_examples=None, families=("generic",))
    (finding,) = report.findings
    assert (finding.law, finding.outcome, finding.case.dtype) == ("claims", Outcome.UNSUPPORTED, "float32")
    assert "float32 is beyond me" in finding.message
    refused = {cell.dtype: cell.refused for cell in report.coverage}
    assert refused["float64"] == 0
    assert refused["float16"] > 0


def test_a_case_that_overflows_is_counted(case: Case) -> None:
    """It cannot be compared, and the report says so."""
    large = replace(case, dtype="float16", modifications=(ScaleInput(exponent=40),))
    report, _ = run_over(given_shards([large], ["cpu"]), settings(), find_method("outer_products"))
    assert report.totals.overflowing == 1
    assert report.totals.comparisons == 0
    assert "1 case left out" in verify_summary(report)
