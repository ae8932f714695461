"""`jaccheck bench` from the outside: what it prints and writes, and how misuse ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from jaccheck_support.example_reports.models import bench_report
from jaccheck_support.testing import Run, heeding_ctrl_c

from jaccheck.reports import BenchReport, Outcome, load, save

MODEL = """
import torch
def make():
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Linear(3, 2))
    return model.double(), torch.ones(5, 4, dtype=torch.float64)
"""


@pytest.mark.slow
def test_a_run(jaccheck: Run, tmp_path: Path) -> None:
    """Both regimes, a wrong method unranked, exit code 1 for it; report and plots as files."""
    options = ("--shape", "tutorial", "--dtype", "float32", "--device", "cpu", "--time", "120")
    chosen = ("--method", "outer_products", "--method", "autograd_loop", "--method", "mutant:sample_roll")
    done = jaccheck("bench", *options, *chosen, "--report", "bench.json", "--plot", "plots")
    assert done.returncode == 1, done.stderr
    told = [int(share) for share in re.findall(r"s: (\d+) of 100 %", done.stdout + done.stderr)]
    assert told == sorted(told)
    assert told[-1] > 0, "the time of a problem counts as it passes"
    report = load(BenchReport, tmp_path / "bench.json")
    (cell,) = report.cells
    known = {m.method: m for m in cell.methods}
    assert known["mutant:sample_roll"].outcome is Outcome.DISAGREES
    assert known["mutant:sample_roll"].fresh is None
    assert (known["autograd_loop"].forward_passes, known["autograd_loop"].backward_passes) == (1, 75)
    assert known["autograd_loop"].kind == "autograd"
    assert report.machine
    for regime in ("fresh", "reused"):
        race = cell.race(regime)  # type: ignore[arg-type]
        assert race
        assert race.places[0].method == "outer_products"
        assert cell.floor(regime)  # type: ignore[arg-type]
    assert "mutant:sample_roll: DISAGREES, not ranked" in done.stdout
    assert (tmp_path / "plots" / "bench-float32-cpu.png").exists()


@pytest.mark.slow
def test_a_model_of_ones_own(jaccheck: Run, tmp_path: Path) -> None:
    """In its own dtype, on its own batch."""
    (tmp_path / "own.py").write_text(MODEL)
    done = jaccheck("bench", "--model", "own.py:make", "--time", "120", "--method", "vmap_vjp", "--report", "out.json")
    assert done.returncode == 0, done.stderr
    (cell,) = load(BenchReport, tmp_path / "out.json").cells
    assert (cell.shape, cell.dtype, cell.N, cell.C, cell.parameters) == ("model", "float64", 5, 2, 23)
    assert cell.ranked("reused")


@pytest.mark.slow
def test_a_run_beside_a_saved_one(jaccheck: Run, tmp_path: Path) -> None:
    """Saved by number and name; the next one is compared with it, on the terminal and in its report."""
    options = ("--shape", "tutorial", "--time", "60", "--clock", "cpu", "--method", "outer_products")
    first = jaccheck("bench", *options, "--save", "main")
    assert first.returncode == 0, first.stderr
    assert "saved: .jaccheck/bench/0001_main.json" in first.stdout
    second = jaccheck("bench", *options, "--compare", "--report", "now.json")
    assert second.returncode == 0, second.stderr
    assert "beside .jaccheck/bench/0001_main.json: 2 times compared" in second.stdout
    since = load(BenchReport, tmp_path / "now.json").since
    assert since
    assert [(change.method, change.regime) for change in since.changes] == [
        ("outer_products", "fresh"),
        ("outer_products", "reused"),
    ]
    assert since.differences == ()


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_done(tmp_path: Path) -> None:
    """The report holds the problems that were finished and races that were begun, and no worker is left behind."""
    command = [sys.executable, "-u", "-m", "jaccheck", "bench", "--method", "outer_products", "--shape", "tutorial"]
    options = ["--shape", "many_outputs", "--time", "300", "--dtype", "float32", "--report", "out.json"]
    with subprocess.Popen(
        [*command, *options],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heeding_ctrl_c,
    ) as run:
        assert run.stdout is not None
        for line in run.stdout:
            if "in reused memory" in line:
                os.kill(run.pid, signal.SIGINT)
                break
        rest = run.stdout.read()
    assert run.returncode == 130
    assert "interrupted" in rest
    report = load(BenchReport, tmp_path / "out.json")
    assert report.interrupted
    assert report.cells[0].shape == "tutorial"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--shape", "huge"), "choose from tutorial"),
        (("--method", "outer_product"), "did you mean outer_products"),
        (("--method", "mutant:nonsense"), "mutant 'nonsense' is not known"),
        (("--dtype", "bfloat16"), "choose from float32, float64"),
        (("--device", "cuda:7"), "torch reports"),
        (("--time", "0"), "'--time'"),
        (("--time", "nan"), "'nan' is no number"),
        (("--clock", "sun"), "'--clock'"),
        (("--save", "a/b"), "is no name of a run"),
        (("--compare",), "nothing is saved in .jaccheck/bench"),
        (("--compare", "absent.json"), "no such report"),
        (("--compare", "no.json"), "kind is 'cases', expected 'bench'"),
        (("--compare", "text.json"), "is no complete JSON"),
        (("--compare", "bench.json"), "it has small float32 on cpu, large float32 on cpu"),
        (("--compare", "bench.json", "--clock", "cpu"), "its clock is 'wall', that of this run 'cpu'"),
        (("--threads", "0"), "'--threads'"),
        (("--model", "absent.py:make"), "no such file"),
        (("--model", "own.py:make", "--shape", "tutorial"), "leave out --shape"),
        (("--plot", "/dev/null/plots"), "cannot be made"),
        (("--report", "nowhere/bench.json"), "cannot be written"),
    ],
)
def test_misuse(jaccheck_here: Run, tmp_path: Path, arguments: tuple[str, ...], complaint: str) -> None:
    """One line that names the thing, its value and what was expected."""
    save(bench_report(), tmp_path / "bench.json")
    (tmp_path / "no.json").write_text('{"kind": "cases", "schema_version": 2}')
    (tmp_path / "text.json").write_text("no JSON")
    (tmp_path / "own.py").write_text(MODEL)
    before = set(tmp_path.iterdir())
    done = jaccheck_here("bench", *arguments)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert complaint in done.stderr
    assert set(tmp_path.iterdir()) == before, "something was stored"
