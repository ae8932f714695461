"""Ctrl-C: while a command loads it ends the process at once, then it is an exception, and in the end it is nothing.

An exception out of the middle of an import may be swallowed there, turned into another or printed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from types import FrameType

INTERRUPTED = 130

ONCE_SECONDS = 0.3
"""Within so long a second signal is taken for the same."""


def leave_at_ctrl_c() -> None:
    """From now on Ctrl-C ends this process with one line; not where whoever started it wants it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)


def raise_at_ctrl_c() -> None:
    """From now on it raises KeyboardInterrupt, since there is something to be finished or closed."""
    if signal.getsignal(signal.SIGINT) is _leave and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, _Once())


def ignore_ctrl_c() -> None:
    """From now on it does nothing: all has been said."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class _Once:
    """Raises KeyboardInterrupt, but once: `timeout` and others send one signal both to a process and to its group."""

    def __init__(self) -> None:
        self._last = float("-inf")

    def __call__(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if now - self._last > ONCE_SECONDS:
            self._last = now
            raise KeyboardInterrupt


def _leave(number: int, frame: FrameType | None) -> None:
    with contextlib.suppress(Exception):  # it may be in the middle of a write
        sys.stdout.flush()
    with contextlib.suppress(OSError):
        os.write(2, b"jaccheck: interrupted\n")
    os._exit(INTERRUPTED)
