"""A gate must never lose its subject quietly: BackPACK missing or broken ends a run, unless it was not asked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from jaccheck_support.testing import Run


@pytest.fixture(params=["RuntimeError('torn')", "ModuleNotFoundError(name='backpack')"])
def without_backpack(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """An environment in which `import backpack` raises, as a broken or a missing package does."""
    package = tmp_path / "shadow" / "backpack"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(f"raise {request.param}\n")
    return {**os.environ, "PYTHONPATH": str(tmp_path / "shadow")}


def test_a_run_of_everything_ends(jaccheck: Run, without_backpack: dict[str, str]) -> None:
    """Exit code 2, one line that names a method, the reason and what to do."""
    done = jaccheck("verify", env=without_backpack)
    assert done.returncode == 2
    assert done.stderr.startswith("jaccheck: method 'batch_grad_loop' cannot run: backpack")
    assert "install backpack-for-pytorch" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_run_without_it_goes_on(jaccheck: Run, without_backpack: dict[str, str]) -> None:
    """Methods that were chosen by name and need no BackPACK run."""
    options = ("--method", "autograd_batched", "--family", "generic", "--quiet")
    assert jaccheck("verify", *options, env=without_backpack).returncode == 0


def test_the_reason_is_listed(jaccheck: Run, without_backpack: dict[str, str]) -> None:
    """`jaccheck methods` says why a method is not available."""
    done = jaccheck("methods", "--json", env=without_backpack)
    assert done.returncode == 0
    assert '"available": false' in done.stdout
