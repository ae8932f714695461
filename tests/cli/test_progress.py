"""Progress: a bar on a terminal that is gone when the command is done, lines on standard error elsewhere."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from jaccheck.cli import progress
from jaccheck.cli.progress import Progress
from jaccheck.rendering import make_console

FEW = ("--family", "generic", "--max-examples", "5", "--seed", "1", "--method", "hooks", "--workers", "0", "--no-store")

CODE = """
import sys
from jaccheck.cli import progress
from jaccheck.cli.exits import main
progress.PLAIN_LINE_SECONDS = 0.0
main()
"""


def test_a_line_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, as the README shows it, in one line whatever it holds; none where it is quiet or too soon."""
    with Progress(make_console()) as soon:
        soon.show(1, 9, "cases")
    monkeypatch.setattr(progress, "PLAIN_LINE_SECONDS", 0.0)
    with Progress(make_console()) as told, Progress(make_console(), quiet=True) as quiet:
        told.show(49, 1008, "cases", "2,016 comparisons", "0 findings", now="[red]\x1b[31m, float32")
        told.show(3, None, "cases")
        told.show(12, 8, "cases")
        quiet.show(1, 2, "cases")
    said = capsys.readouterr()
    assert said.out == ""
    first, second, third = said.err.splitlines()
    assert third == "0 s: 12 cases"
    assert first == r"0 s: 49 of 1,008 cases, 2,016 comparisons, 0 findings; now [red]\x1b[31m, float32"
    assert second == "0 s: 3 cases"


def test_results_alone_are_in_a_pipe(tmp_path: Path) -> None:
    """Progress of a run goes to standard error."""
    command = [sys.executable, "-c", CODE, "verify", *FEW]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "cases, " in done.stderr
    assert "now generic, float64" in done.stderr
    assert "now generic" not in done.stdout


@pytest.mark.full
def test_a_bar_leaves_nothing_behind(tmp_path: Path) -> None:
    """On a terminal it is drawn between results, and taken away when the command is done."""
    mine, terminal = pty.openpty()
    command = [sys.executable, "-m", "jaccheck", "verify", *FEW]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
    with subprocess.Popen(command, cwd=tmp_path, stdout=terminal, stderr=terminal, env=environment) as process:
        os.close(terminal)
        drawn = b""
        while part := _read(mine):
            drawn += part
    assert process.returncode == 0
    before, last = drawn.decode().rsplit("\x1b[2K", 1)
    first, before = before.split("\r\n", 1)
    assert first == "verify: hooks, 5 cases of generic, in this process; loading torch"
    assert "5 of 5 cases" in before
    assert "cases/" not in last
    assert "━" not in last
    assert "no finding: 5 cases" in last


def _read(terminal: int) -> bytes:
    """What has been drawn; nothing once the other side is closed, which Linux calls an error."""
    try:
        return os.read(terminal, 2**16)
    except OSError:
        return b""
