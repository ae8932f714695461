"""The root of the repository holds what is listed here, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LISTED = frozenset(
    {
        *(".ci", ".github", ".gitignore", ".pre-commit-config.yaml", "action.yml"),
        *(".readthedocs.yaml", "CODE_OF_CONDUCT.md", "SECURITY.md"),
        *("ARCHITECTURE.md", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "README.md"),
        *("benchmarks", "constraints", "docs", "examples", "jaccheck", "tests"),
        *("conftest.py", "pyproject.toml", "tox.ini"),
    }
)


def tracked() -> set[str]:
    """What git tracks, without what is deleted and not yet committed."""
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("what belongs to the repository is known in a git checkout only")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return {name for name in listed.stdout.splitlines() if (ROOT / name).exists()}


def test_the_root_holds_what_is_listed() -> None:
    """A wheel or a log that was added by accident is seen here."""
    assert {name.split("/")[0] for name in tracked()} == LISTED


def test_no_wheel_is_tracked() -> None:
    """Packages come from an index; a wheel in the repository stays in every clone for ever."""
    assert not [name for name in tracked() if name.endswith(".whl")]
