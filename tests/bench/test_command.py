"""`jaccheck bench` from the outside: what it prints and writes, and how misuse ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from jaccheck_support.testing import Run, heeding_ctrl_c

from jaccheck.reports import BenchReport, Outcome, load

pytestmark = pytest.mark.slow

MODEL = """
import torch
def make():
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Linear(3, 2))
    return model.double(), torch.ones(5, 4, dtype=torch.float64)
"""


def test_a_run(jaccheck: Run, tmp_path: Path) -> None:
    """Both regimes, a wrong method unranked, exit code 1 for it; report and plots as files."""
    options = ("--shape", "tutorial", "--dtype", "float32", "--device", "cpu", "--time", "120")
    chosen = ("--method", "outer_products", "--method", "autograd_loop", "--method", "mutant:sample_roll")
    done = jaccheck("bench", *options, *chosen, "--report", "bench.json", "--plot", "plots")
    assert done.returncode == 1, done.stderr
    report = load(BenchReport, tmp_path / "bench.json")
    (cell,) = report.cells
    known = {m.method: m for m in cell.methods}
    assert known["mutant:sample_roll"].outcome is Outcome.DISAGREES
    assert known["mutant:sample_roll"].fresh is None
    assert (known["autograd_loop"].forward_passes, known["autograd_loop"].backward_passes) == (1, 75)
    for regime in ("fresh", "reused"):
        assert [m.method for m in cell.ranked(regime)] == ["outer_products", "autograd_loop"]  # type: ignore[arg-type]
        assert cell.floor(regime)  # type: ignore[arg-type]
    assert "mutant:sample_roll: DISAGREES, not ranked" in done.stdout
    assert (tmp_path / "plots" / "bench-float32-cpu.png").exists()


def test_a_model_of_ones_own(jaccheck: Run, tmp_path: Path) -> None:
    """In its own dtype, on its own batch."""
    (tmp_path / "own.py").write_text(MODEL)
    done = jaccheck("bench", "--model", "own.py:make", "--time", "120", "--method", "vmap_vjp", "--report", "out.json")
    assert done.returncode == 0, done.stderr
    (cell,) = load(BenchReport, tmp_path / "out.json").cells
    assert (cell.shape, cell.dtype, cell.N, cell.C, cell.parameters) == ("model", "float64", 5, 2, 23)
    assert cell.ranked("reused")


def test_ctrl_c_keeps_what_is_done(tmp_path: Path) -> None:
    """The report holds the problems that were finished, and no worker is left behind."""
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
            if line.strip().startswith("outer_products"):
                os.kill(run.pid, signal.SIGINT)
                break
        rest = run.stdout.read()
    assert run.returncode == 0
    assert "interrupted" in rest
    report = load(BenchReport, tmp_path / "out.json")
    assert report.interrupted
    assert [cell.shape for cell in report.cells] == ["tutorial"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--shape", "huge"), "choose from tutorial"),
        (("--method", "closed_from"), "did you mean outer_products"),
        (("--method", "mutant:nonsense"), "mutant 'nonsense' is not known"),
        (("--dtype", "bfloat16"), "choose from float32, float64"),
        (("--device", "cuda:7"), "torch reports"),
        (("--time", "0"), "'--time'"),
        (("--threads", "0"), "'--threads'"),
        (("--model", "absent.py:make"), "no such file"),
        (("--model", "own.py:make", "--shape", "tutorial"), "leave out --shape"),
        (("--plot", "/dev/null/plots"), "cannot be made"),
        (("--report", "nowhere/bench.json"), "cannot be written"),
    ],
)
def test_misuse(jaccheck: Run, arguments: tuple[str, ...], complaint: str) -> None:
    """One line that names the thing, its value and what was expected."""
    done = jaccheck("bench", *arguments)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert complaint in done.stderr
