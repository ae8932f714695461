"""A module of the user's own that ends the process while it is imported never gives exit code 0."""

from __future__ import annotations

from pathlib import Path

import pytest
from jaccheck_support.testing import Run

ENDS = {
    "as if done": (
        "import os; os._exit(0)",
        "method mine:mine: importing it: the process ended itself with exit code 0",
    ),
    "by sys.exit": (
        "import sys; sys.exit(0)",
        "does not import: SystemExit: 0 (mine.py, line 1: import sys; sys.exit(0))",
    ),
    "by sys.exit with 1": (
        "import sys; sys.exit(1)",
        "does not import: SystemExit: 1 (mine.py, line 1: import sys; sys.exit(1))",
    ),
    "at address zero": ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
    "by an exception": ("raise KeyError('x')", "does not import: KeyError: 'x' (mine.py, line 1: raise KeyError('x'))"),
}


@pytest.mark.parametrize("how", ENDS)
def test_it_is_one_line_and_exit_code_2(jaccheck: Run, tmp_path: Path, how: str) -> None:
    """It says which module, and how it ended."""
    text, said = ENDS[how]
    (tmp_path / "mine.py").write_text(text)
    done = jaccheck("verify", "--no-store", "--max-examples", "1", "--method", "mine:mine")
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
