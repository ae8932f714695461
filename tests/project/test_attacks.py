"""The attacks of benchmarks/attacks.py: there are enough, each is seen where it succeeds; some are run here."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def ran(*options: str) -> subprocess.CompletedProcess[str]:
    """The command, in a process of its own."""
    command = [sys.executable, str(BENCHMARKS / "attacks.py"), *options]
    return subprocess.run(command, capture_output=True, text=True, cwd=BENCHMARKS.parent)


def test_there_are_enough_and_no_two_are_one() -> None:
    """Names of a group are its own."""
    names = ran("--list").stdout.splitlines()
    assert len(names) == len(set(names))
    assert len(names) >= 300


@pytest.mark.full
def test_a_selection_has_some_of_each_group() -> None:
    """In equal steps, the same ones whenever it is made; a group of fewer is whole."""
    names = ran("--each", "25", "--list").stdout.splitlines()
    assert len(names) == len(set(names)) >= 300
    some = Counter(name.partition(":")[0] for name in names)
    every = Counter(name.partition(":")[0] for name in ran("--list").stdout.splitlines())
    assert some == {name: min(25, count) for name, count in every.items()}


def test_some_are_survived() -> None:
    """Those that are quick: nothing of torch is loaded for them."""
    done = ran("--group", "options", "--only", "verify --time")
    assert done.returncode == 0, done.stdout
    assert "0 failed" in done.stdout.splitlines()[-1]


SEEN = """
import sys
sys.path.insert(0, sys.argv[1])
from attack_groups.attack import Attack, outcome
for shell, files in (
    ("exit 3", {}),
    ("echo 'Traceback (most recent call last)' >&2", {}),
    ("printf '\\\\033[2J'", {}),
    ("sleep 600 & disown", {}),
    ("sh script", {"script": "touch owned"}),
    ("sleep 600", {}),
    ("echo one >&2; echo two >&2", {}),
    ("echo bad", {}),
    ("true", {}),
    ("echo good", {}),
):
    attack = Attack(name="x", shell=shell, files=files, codes=(0,), says=("good",) if "good" in shell else (),
                    never=("bad",), is_one_line="two" in shell, seconds=5)
    print(outcome(attack) or "survived")
print(outcome(Attack(name="x", shell="true", codes=(0,), says=("good",))))
"""


@pytest.mark.slow
def test_an_attack_that_succeeds_is_seen() -> None:
    """Each kind of what must not happen."""
    command = [sys.executable, "-c", SEEN, str(BENCHMARKS)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seen = (
        "exit code 3 instead of 0",
        "a traceback",
        "commands the terminal",
        "leaves processes: sleep",
        "ran code of a file",
        "no end after 5 s",
        "2 lines on standard error",
        "says 'bad'",
        "survived",
        "survived",
        "says nothing of 'good'",
    )
    for line, expected in zip(done.stdout.splitlines(), seen, strict=True):
        assert expected in line
