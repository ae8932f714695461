"""In a pytest that is too old the plugin is not there: other tests run, and its own suites are refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from jaccheck_support.environments import ROOT, LinkedEnvironment

from jaccheck.runs.pytest.entry import is_supported

PLUGINS = ("pytest", "_pytest", "pluggy", "xdist", "iniconfig", "hypofuzz", "execnet")


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("6.2.5", False),
        ("7.2.0", False),
        ("7.4.4", False),
        ("8.0.0", True),
        ("8.0.0rc1", True),
        ("9.1.1", True),
        ("10.0", True),
    ],
)
def test_which_are_old(version: str, expected: bool) -> None:
    """Everything before 8."""
    assert is_supported(version) == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    "requirements",
    [("pytest==6.2.5", "pluggy<1.1"), ("pytest==7.2.0", "pluggy==1.0.0"), ("pytest==7.4.4",), ("pytest==8.0.0",)],
    ids=" ".join,
)
def test_real_ones(tmp_path: Path, requirements: tuple[str, ...]) -> None:
    """Installed in environments of their own: the last that is too old, older ones, and the first that is not."""
    there = LinkedEnvironment(tmp_path / "env", without=PLUGINS)
    there.install(*requirements)
    # Not editable: of the finder of an editable package pytest 6.2 warns by itself.
    there.install("--no-deps", "--no-build-isolation", ROOT)
    (tmp_path / "test_other.py").write_text("def test_nothing():\n    assert True\n")
    (tmp_path / "test_own.py").write_text("from jaccheck.conformance import conforms\ntest_hooks = conforms('hooks')\n")
    other = there.run("-m", "pytest", "-q", "test_other.py", cwd=tmp_path)
    assert other.returncode == 0, other.stdout + other.stderr
    assert "1 passed" in other.stdout
    assert "jaccheck" not in other.stdout + other.stderr
    is_old = not is_supported(requirements[0].partition("==")[2])
    chosen = ("-k", "structure and float32 and hooks")
    for suite in (("test_own.py",), ("--pyargs", "jaccheck.conformance")):
        done = there.run("-m", "pytest", "-q", *chosen, *suite, cwd=tmp_path)
        if is_old:
            assert done.stdout.count("jaccheck needs pytest 8.0 or later, and this is ") == 1, done.stdout
            assert done.returncode == 2
            assert "Traceback" not in done.stdout
        else:
            assert done.returncode == 0, done.stdout + done.stderr
            assert "1 passed" in done.stdout
