"""Lines of code that coverage.py measures in a process that will be killed."""

from __future__ import annotations

import sys


def keep_measured() -> None:
    """Saves what coverage.py has measured here until now, where it measures: this process may be ended at any time."""
    coverage = sys.modules.get("coverage")
    current = coverage.Coverage.current() if coverage else None
    if current is not None:
        current.save()
