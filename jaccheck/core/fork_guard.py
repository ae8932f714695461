"""Processes that must not live on: a fork that comes back from foreign code, and one whose parent has ended."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

STRAY = 66
"""The exit code of a fork that came back."""

_PR_SET_PDEATHSIG = 1


def end_stray(pid: int) -> None:
    """Ends this process at once unless it is that one: what it would say next, nobody has asked it."""
    if os.getpid() != pid:
        os._exit(STRAY)


@contextmanager
def only_here() -> Iterator[None]:
    """Around foreign code. A forked child that leaves it, by its end or by an exception, ends."""
    pid = os.getpid()
    try:
        yield
    finally:
        end_stray(pid)


def end_with_parent() -> None:
    """On Linux the kernel ends this process when the one that it was forked from ends, whatever it is doing then."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
