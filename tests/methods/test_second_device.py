"""Every law on a second device, and on two of a kind: those that the tests pretend (`jaccheck_support.pretend`)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jaccheck_support.pretend_answers
import pytest
from jaccheck_support.pretend import environment
from jaccheck_support.testing import Run

ROOT = Path(__file__).parents[2]
SMALL = ("--seed", 1, "--max-examples", 12, "--no-store", "--method", "hooks", "--dtype", "float32")


@pytest.fixture(scope="module")
def answers() -> dict[str, Any]:
    """What a process says that has two such devices, without float16 and ELU, of seven megabytes."""
    like = environment(count=2, lacks=["float16"], without=["aten::elu", "aten::elu.out"], memory=7_000_000)
    command = [sys.executable, jaccheck_support.pretend_answers.__file__]
    done = subprocess.run(command, env=like, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_devices_are_found_by_name_and_index(answers: dict[str, Any]) -> None:
    assert list(answers["devices"]) == ["cpu", "pretend:0", "pretend:1"]
    assert list(answers["chosen"]) == ["pretend:1"]


def test_a_dtype_that_a_device_lacks_is_left_out(answers: dict[str, Any]) -> None:
    assert answers["dtypes"] == ["float64", "float32", "bfloat16"]


def test_right_methods_are_right_there(answers: dict[str, Any]) -> None:
    assert set(answers["right"].values()) == {"AGREES"}


def test_a_result_on_another_device_of_the_kind_is_told(answers: dict[str, Any]) -> None:
    outcome, law, message = answers["elsewhere"]
    assert (outcome, law) == ("DISAGREES", "structure")
    assert "on pretend:0, expected torch.strided on pretend:1" in message


def test_random_numbers_of_the_device_are_watched(answers: dict[str, Any]) -> None:
    assert answers["drawing"][2] == "torch: random generator of the device pretend:1 changed"


def test_results_that_share_memory_there_are_found(answers: dict[str, Any]) -> None:
    assert "no aliasing" in answers["sharing"][1]


def test_an_operation_that_a_device_lacks_is_a_refusal(answers: dict[str, Any]) -> None:
    assert answers["lacking"] == ["UNSUPPORTED", "", "the device pretend:1 has no aten::elu"]
    own = "the device pretend:1 has no aten::convolution_overrideable"
    assert answers["convolution"] == ["UNSUPPORTED", "", own]


def test_memory_that_is_not_enough_is_told_and_given_back(answers: dict[str, Any]) -> None:
    outcome, _, message = answers["out of memory"]
    assert outcome == "CRASHED"
    assert "pretend:1 out of memory" in message
    assert answers["held"] == answers["held after it"] == 0


def test_memory_and_time_are_measured_there(answers: dict[str, Any]) -> None:
    assert answers["peak"] == 8000
    assert answers["waits"]


def test_a_script_compares_with_the_cpu(answers: dict[str, Any]) -> None:
    """Of a law that adds up: the reference is the CPU's, and the method is right."""
    actual, expected = answers["script"]
    assert actual == expected


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param("wrong_when_wide", marks=pytest.mark.full),
        pytest.param("through_bfloat16", marks=pytest.mark.full),
        pytest.param("before_it_has_finished", marks=pytest.mark.slow),
    ],
)
def test_a_device_that_answers_wrongly_is_named(jaccheck: Run, tmp_path: Path, fault: str) -> None:
    """It is found on the device that has the fault, on no other, and the script of the finding shows it there."""
    like = environment(count=2, faults={"1": fault})
    families = ("--family", "large", "--family", "generic")
    done = jaccheck("verify", *SMALL, *families, "--report", "report.json", "--findings", tmp_path, env=like)
    assert done.returncode == 1, done.stderr
    findings = json.loads((tmp_path / "report.json").read_text())["findings"]
    assert {finding["device"] for finding in findings} == {"pretend:1"}
    script = tmp_path / "script.py"
    script.write_text(findings[0]["script"])
    shown = subprocess.run([sys.executable, script], env=like, capture_output=True, text=True, timeout=120)
    lines = dict(line.split(maxsplit=1) for line in shown.stdout.splitlines())
    assert lines["actual"] != lines["expected"], shown


@pytest.mark.slow
def test_the_script_for_a_new_device_tells_what_is_wrong_there(tmp_path: Path) -> None:
    """`benchmarks/device.py`, which is run by hand where such a machine is lent: its findings, in answers and page."""
    like = environment(faults={"0": "wrong_when_wide"})
    command = [sys.executable, ROOT / "benchmarks" / "device.py", "--device", "pretend", "--only", "verify"]
    written = ["--seconds", "120", "--json", tmp_path / "it.json", "--page", tmp_path / "it.md"]
    done = subprocess.run([*command, *written], env=like, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "it.json").read_text())["parts"]["verify"]
    assert found["exit code"] == 1, found
    assert all("DISAGREES" in told for told in found["findings"]), found
    assert found["findings"][0].split(":")[0] in (tmp_path / "it.md").read_text()


@pytest.mark.full
def test_each_command_takes_the_device(jaccheck: Run, tmp_path: Path) -> None:
    like = environment()
    (tmp_path / "own.py").write_text(
        "import torch\n\n\ndef make():\n    torch.manual_seed(0)\n"
        "    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))\n"
        "    return model.to('pretend'), torch.randn(5, 3).to('pretend')\n"
    )
    checked = jaccheck("check", "own.py:make", "--method", "hooks", "--method", "vmap_jacrev", env=like)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    measured = jaccheck(
        "bench", "--device", "pretend", "--method", "hooks", "--shape", "tutorial", "--time", 5, env=like
    )
    assert measured.returncode == 0, measured.stdout + measured.stderr
    assert "pretend" in measured.stdout
