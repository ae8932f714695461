"""Types that several test files share."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable

Run = Callable[..., subprocess.CompletedProcess[str]]
"""Runs the command line in a process of its own."""


def heeding_ctrl_c() -> None:
    """For `preexec_fn`: a process started in the background of a script ignores SIGINT, and so do its children."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
