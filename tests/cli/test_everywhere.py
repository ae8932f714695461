"""What a method does to its process is told by every command alike; the table stands in docs/reliability.md."""

from __future__ import annotations

from pathlib import Path

import pytest
from jaccheck_support import everywhere, misbehaving

SAMPLE = {
    "replay": ("base_exception",),
    "check": ("exit_as_if_done", "process_wide", "output_closed"),
    "sequences": ("exit_as_if_done",),
}
"""The others have tests of their own in test_isolation.py, tests/runs/test_isolated.py and tests/runs/pytest."""


def wrong(command: str, folder: Path, kinds: tuple[str, ...]) -> dict[str, str]:
    """What is not said as it must be, by kind."""
    said = everywhere.asked(command, folder, kinds)
    assert set(said) >= set(kinds)
    found = {kind: everywhere.what_is_wrong(command, kind, each) for kind, each in said.items()}
    return {kind: why for kind, why in found.items() if why}


@pytest.mark.full
@pytest.mark.parametrize("command", ["check", "replay", "sequences"])
def test_a_sample(command: str, tmp_path: Path) -> None:
    """The outcome, the words and the exit code; nothing of the right method beside."""
    assert wrong(command, tmp_path, SAMPLE[command]) == {}


@pytest.mark.slow
@pytest.mark.parametrize("command", everywhere.COMMANDS)
def test_the_whole_table(command: str, tmp_path: Path) -> None:
    """Each kind that the command can be asked."""
    assert wrong(command, tmp_path, everywhere.tried(command)) == {}


def test_a_green_command_would_be_seen() -> None:
    """Exit code 0, another outcome and a traceback are each told."""
    good = everywhere.Said(1, "exit_as_if_done CRASHED: the process ended itself with exit code 0")
    assert everywhere.what_is_wrong("verify", "exit_as_if_done", good) == ""
    for code, text in (
        (0, good.text),
        (1, "exit_as_if_done AGREES"),
        (1, f"{good.text}\nTraceback (most recent call last)"),
    ):
        assert everywhere.what_is_wrong("verify", "exit_as_if_done", everywhere.Said(code, text))
    assert set(misbehaving.KINDS) == set(everywhere.tried("verify"))
