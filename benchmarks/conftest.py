"""Timings are taken one at a time: these benchmarks refuse to share the cores with copies of themselves."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Refuses pytest-xdist before anything is collected."""
    if getattr(config.option, "numprocesses", None) or hasattr(config, "workerinput"):
        raise pytest.UsageError("benchmarks take times and cannot run under xdist: leave out -n, or give -n 0")
