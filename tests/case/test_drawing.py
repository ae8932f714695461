"""One seed means the same cases in every process, whatever is loaded there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

DRAW = (
    "from jaccheck.case.strategies import draw_cases; "
    "print([draw_cases(f, ('float32',), seed_number=s, count=40) for f in ('large', 'sizes') for s in range(4)])"
)


def drawn(before: str, directory: Path) -> str:
    """What a new process draws after it has done something else."""
    command = [sys.executable, "-c", f"{before}; {DRAW}"]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=directory).stdout


def test_what_is_loaded_does_not_change_what_is_drawn(tmp_path: Path) -> None:
    """Hypothesis would draw the numbers that it finds in the source of a user's own modules."""
    (tmp_path / "theirs.py").write_text(f"numbers = {[*range(101, 400, 2)]}\n")
    assert drawn("import sys; sys.path.insert(0, '.'); import theirs", tmp_path) == drawn("pass", tmp_path)
