"""The processes below one, and the end of all of them; on Linux orphans come to the nearest subreaper above them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

import psutil

_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """From now on what is left behind by a process below this one becomes a child of this one (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def children(pid: int) -> list[int]:
    """The processes that a process has started, or adopted, and that have not been waited for."""
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError):  # a thread that has ended just now
                found += map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())
    except OSError:
        with contextlib.suppress(psutil.Error):  # not Linux
            found = [child.pid for child in psutil.Process(pid).children()]
    return found


def descendants(pid: int) -> list[int]:
    """All processes below one."""
    found, below = [], children(pid)
    while below:
        found += below
        below = [each for parent in below for each in children(parent)]
    return found


def end_descendants(pid: int) -> None:
    """Kills all processes below one, whatever session they are in."""
    for each in descendants(pid):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(each, signal.SIGKILL)
