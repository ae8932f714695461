"""The gate with a device on each side: the same software on two devices is an upgrade, too."""

from __future__ import annotations

import json
import site
import subprocess
import sys
from pathlib import Path

import pytest
from jaccheck_support.mutated_copies import BackpackMutant, mutated_copy
from jaccheck_support.pretend import FOLDER, environment
from jaccheck_support.testing import Run

SIDES = ("--device", "base=cpu", "--device", "candidate=pretend")
SMALL = ("--family", "large", "--dtype", "float32", "--method", "batch_grad_loop", "--method", "hooks", "--quiet")


def python_with_the_device(folder: Path) -> Path:
    """An interpreter of its own that has what this one has, and the device: a side gets no PYTHONPATH from outside."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    lines = [f"import site; site.addsitedir({path!r})" for path in (*site.getsitepackages(), str(FOLDER))]
    (packages / "more.pth").write_text("\n".join(lines))
    return folder / "bin" / "python"


@pytest.mark.slow
@pytest.mark.parametrize("faults", [{}, {"0": "wrong_when_wide"}], ids=["as good as the CPU", "wrong when wide"])
def test_a_device_that_is_worse_shuts_the_gate(tmp_path: Path, faults: dict[str, str]) -> None:
    """The same BackPACK on the CPU and on another device: open where that is right, shut where it is not."""
    checkout = mutated_copy(BackpackMutant("same", "control", (), ()), tmp_path / "backpack")
    files = ("--cache", str(tmp_path / "cache"), "--report", "gate.json")
    python = python_with_the_device(tmp_path / "venv")
    command = [python, "-m", "jaccheck", "gate", str(checkout), str(checkout), *SMALL, *SIDES, *files]
    like = environment(faults=faults) | {"PYTHONPATH": ""}
    done = subprocess.run(command, env=like, cwd=tmp_path, capture_output=True, text=True, timeout=500)
    assert done.returncode == int(bool(faults)), done.stdout + done.stderr
    report = json.loads((tmp_path / "gate.json").read_text())
    assert {cell["device"] for cell in report["cells"]} == {"cpu → pretend"}
    assert {change["method"] for change in report["changes"] if change["kind"] == "broken"} == (
        {"batch_grad_loop", "hooks"} if faults else set()
    )


@pytest.mark.full
@pytest.mark.parametrize("one", ["base=cpu", "candidate=cpu", "base="])
def test_one_device_alone_is_refused(jaccheck: Run, tmp_path: Path, one: str) -> None:
    done = jaccheck("gate", "backpack-for-pytorch==1.7.0", "backpack-for-pytorch==1.7.1", "--device", one)
    assert done.returncode == 2
    assert "give both sides a device" in done.stderr
