"""Runs of the state machine: nothing is found in the installed BackPACK, and a mutant is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from jaccheck_support.mutated_copies import SAVE, BackpackMutant, Edit, mutated_copy, with_first

pytestmark = pytest.mark.slow


def run(*options: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """`jaccheck sequences` in a process of its own, with a folder first on the path."""
    command = [sys.executable, "-m", "jaccheck", "sequences", *options]
    return subprocess.run(command, capture_output=True, text=True, env=with_first(path), check=False)


def test_installed_backpack_breaks_nothing_that_is_not_known(tmp_path: Path) -> None:
    """A run finds nothing, and has compared enough for that to mean something."""
    done = run("--examples", "30", "--steps", "30", "--seed", "4", "--report", str(tmp_path / "report.json"))
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["examples"] >= 30
    assert f" of {report['directed'] + 30:,} sequences" in done.stderr  # progress knows how many come
    assert report["passes"] > 60
    assert report["compared"] > 2000
    assert report["undecided"] < report["compared"] / 20
    assert sum(each["wrong"] for each in report["known"]) > 0


STALE = BackpackMutant(
    "result_added_up",
    "medium",
    (
        Edit(
            SAVE,
            "        setattr(getattr(module, param_str), extension.savefield, value)",
            "        old = getattr(getattr(module, param_str), extension.savefield, 0)\n"
            "        value = value + old if getattr(old, 'shape', None) == value.shape else value\n"
            "        setattr(getattr(module, param_str), extension.savefield, value)",
        ),
    ),
)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str], str]:
    """The folder of a BackPACK whose results add up, a finding of a run on it, and what was printed."""
    folder = mutated_copy(STALE, tmp_path_factory.mktemp("mutant"))
    report = folder / "report.json"
    done = run("--examples", "30", "--steps", "12", "--seed", "1", "--report", str(report), path=folder)
    assert done.returncode == 1, done.stdout + done.stderr
    findings = json.loads(report.read_text())["findings"]
    return folder, next(each for each in findings if each["kind"] == "wrong value"), done.stdout


def test_the_script_of_a_finding_is_short_and_shows_it(found: tuple[Path, dict[str, str], str]) -> None:
    """In a fresh process, without jaccheck, it fails on the faulty BackPACK and holds on the installed one."""
    folder, finding, printed = found
    assert "jaccheck" not in finding["script"]
    assert len(finding["script"].splitlines()) < 30
    assert finding["script"].splitlines()[-1] in printed
    for path, fails in ((folder, True), (None, False)):
        command = [sys.executable, "-W", "ignore", "-c", finding["script"]]
        done = subprocess.run(command, capture_output=True, text=True, env=with_first(path), check=False)
        assert ("AssertionError" in done.stderr) is fails, done.stderr


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--profile", "weekly"), "profile 'weekly' is not known"),
        (("--steps", "0"), "--steps"),
        (("--report", "/no/such/folder/report.json"), "/no/such/folder"),
    ],
)
def test_misuse_is_one_line_and_exit_code_2(options: tuple[str, ...], says: str) -> None:
    """What cannot be run says so before anything is run."""
    done = run(*options)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
