"""`jaccheck replay` answers for each file, and never mistakes one answer for another."""

from __future__ import annotations

from pathlib import Path

import pytest
from jaccheck_support.testing import Run, finding_on

from jaccheck.case import Case
from jaccheck.reports import CaseFile, save


@pytest.fixture
def stored(tmp_path: Path, case: Case) -> Path:
    """A stored finding that is not there any more."""
    finding = finding_on(case)
    path = tmp_path / "found" / "finding.json"
    save(CaseFile(cases=(case,), finding=finding), path)
    return path


def test_fixed(jaccheck: Run, stored: Path) -> None:
    """A folder of findings is replayed file by file."""
    done = jaccheck("replay", stored.parent)
    assert done.returncode == 0
    assert done.stdout.startswith(f"FIXED: {stored}")


@pytest.mark.parametrize(
    ("old", "new", "answer"),
    [
        ('"schema_version": 2', '"schema_version": 7', "INCOMPATIBLE"),
        ('"autograd_batched"', '"no_such_method"', "ERROR"),
        ('"out_features": 4', '"out_features": 1000000000', "ERROR"),
    ],
)
def test_what_cannot_be_replayed(jaccheck: Run, stored: Path, old: str, new: str, answer: str) -> None:
    """Exit code 2, and one line that says why."""
    text = stored.read_text()
    assert old in text
    stored.write_text(text.replace(old, new))
    done = jaccheck("replay", stored)
    assert done.returncode == 2
    assert done.stdout.startswith(f"{answer}: {stored}: ")
    assert done.stdout.count("\n") == 1


def test_cases_without_a_finding(jaccheck: Run, tmp_path: Path, case: Case) -> None:
    """They are for `verify --cases`."""
    save(CaseFile(cases=(case,)), tmp_path / "cases.json")
    done = jaccheck("replay", tmp_path / "cases.json")
    assert done.returncode == 2
    assert "jaccheck verify --cases" in done.stdout


def test_a_missing_folder(jaccheck: Run, tmp_path: Path) -> None:
    """Named, as every other misuse."""
    (tmp_path / "empty").mkdir()
    done = jaccheck("replay", tmp_path / "empty")
    assert done.returncode == 2
    assert "holds no .json files" in done.stderr
