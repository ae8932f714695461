"""What becomes of standard output changes no exit code and no result."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from jaccheck_support.example_reports.judged import verify_report

from jaccheck.reports import save

WAYS = {
    "full": ("> /dev/full", "standard output could not be written to its end: No space left on device"),
    "closed": (">&-", ""),
    "both closed": (">&- 2>&-", ""),
    "everything closed": ("<&- >&- 2>&-", ""),
    "a reader that has enough": ("| head -1 > first; exit ${PIPESTATUS[0]}", ""),
    "errors full": ("2> /dev/full > /dev/null", ""),
    "ASCII": ("> out", ""),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_exit_code_and_the_report_are_the_same(tmp_path: Path, way: str) -> None:
    """Those of a report with findings, which is written again."""
    save(verify_report(), tmp_path / "report.json")
    redirection, said = WAYS[way]
    command = f"{sys.executable} -m jaccheck report report.json --report again.json {redirection}"
    environment = {"PATH": "/usr/bin:/bin", "PYTHONIOENCODING": "ascii" if way == "ASCII" else "utf-8"}
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert said in done.stderr
    assert done.stderr.count("\n") == bool(said), done.stderr
    assert (tmp_path / "again.json").read_text() == (tmp_path / "report.json").read_text()


@pytest.mark.full
def test_a_package_that_does_not_import_is_told_in_one_line(tmp_path: Path) -> None:
    """Whatever it raises, and whichever it is."""
    for place, text in (
        ("torch/__init__.py", "x = = 1"),
        ("torch/__init__.py", "raise RuntimeError('no')"),
        ("torch/__init__.py", "import absent"),
        ("click.py", "raise OSError(2, 'no')"),
        ("rich/__init__.py", "x = [" * 300),
    ):
        path = tmp_path / place
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tmp_path)}
        command = [sys.executable, "-m", "jaccheck", "methods"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        path.unlink()
        assert done.returncode == 2, done.stderr
        assert done.stderr.startswith("jaccheck: "), done.stderr
        assert done.stderr.count("\n") == 1, done.stderr
        assert "does not import" in done.stderr
