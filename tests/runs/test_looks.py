"""What is global is looked at after each case, and after each call where that shows something: who did it is named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from jaccheck_support.mutated_copies import LINEAR, BackpackMutant, Edit, mutated_copy, with_first

from jaccheck.reports import Report, load

PRODUCT = "        return einsum(equation, mat, d_weight)\n"


@pytest.mark.parametrize(
    ("left", "aspect", "workers"),
    [
        pytest.param("torch.set_flush_denormal(True)", "floating-point environment", "0", marks=pytest.mark.full),
        pytest.param("torch.set_flush_denormal(True)", "floating-point environment", "1", marks=pytest.mark.slow),
        pytest.param(
            "if not hasattr(torch, 'once'): torch.set_flush_denormal(True)\n        torch.once = True",
            *("floating-point environment", "1"),
            marks=pytest.mark.full,
        ),
        pytest.param(
            "threading.Thread(target=threading.Event().wait, daemon=True).start()",
            *("threads", "1"),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_what_backpack_leaves_is_its_own_doing(left: str, aspect: str, workers: str, tmp_path: Path) -> None:
    """A copy of BackPACK that leaves something, whether it can be put back or not, or only at its first call in a
    process: nobody else has a finding.
    """
    edit = Edit(LINEAR, PRODUCT, f"        import threading\n        import torch\n        {left}\n{PRODUCT}")
    copy = mutated_copy(BackpackMutant("leaves", "easy", (edit,)), tmp_path / "copy")
    asked = ("outer_products", "batch_grad_loop", "func_jacrev", "autograd_loop")
    command = [sys.executable, "-m", "jaccheck", "verify", "--family", "generic", "--max-examples", "12"]
    command += [part for name in asked for part in ("--method", name)]
    command += ["--workers", workers, "--no-store", "--quiet", "--report", "report.json"]
    done = subprocess.run(command, cwd=tmp_path, env=with_first(copy), capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    report = load(Report, tmp_path / "report.json")
    assert {(finding.method, finding.law) for finding in report.findings} == {("batch_grad_loop", "purity")}
    assert aspect in report.findings[0].message
