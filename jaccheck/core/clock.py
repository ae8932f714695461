"""`OwnClock`: the time that a process really had, on a machine where it may wait for a core."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path


class OwnClock:
    """Seconds for a process, without those in which its main thread was ready to run but had no core.

    What sleeps or spins for ever runs out of time by it, and what other people's work holds up does not. Linux counts
    the waiting (`/proc/PID/schedstat`); elsewhere all seconds count.
    """

    def __init__(self, pid: int) -> None:
        self._file = Path(f"/proc/{pid}/schedstat")
        self._waited = 0.0

    def seconds(self) -> float:
        """Since some moment; only differences mean something."""
        with suppress(OSError, ValueError, IndexError):  # not Linux, or the process has ended just now
            self._waited = int(self._file.read_text().split()[1]) / 1e9
        return time.monotonic() - self._waited
