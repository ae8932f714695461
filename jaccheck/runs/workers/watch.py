"""`Watch`: whether the current work of a worker has exceeded a limit.

Memory is what is resident, looked at ten times a second, and not the address space that RLIMIT_AS limits: that is
terabytes wherever CUDA is, and counts what was reserved and never used.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import IO

import psutil

from jaccheck.core import End, How, OwnClock, descendants, plain_data
from jaccheck.reports import Ended, Exceeded, Outcome

LOOK_SECONDS = 0.1

OUTPUT_BYTES = 2**26
"""The most that may be printed while one method runs on one case."""


@plain_data
class Limits:
    """The limits of one method on one case: seconds of its process, and bytes of memory beyond what it had before.

    The memory of the processes that it starts is its own.
    """

    seconds: float = 60.0
    memory: int = 2**32


class Watch:
    """Watches a process and the journal in which it writes what it begins."""

    def __init__(self, pid: int, journal: IO[bytes], limits: Limits) -> None:
        self._pid = pid
        self._clock = OwnClock(pid)
        self._journal = journal
        self._limits = limits
        self.printed = 0
        """Bytes since the last entry of the journal that was read."""
        self._looked = 0.0
        self._stamp = self._held = self._last = 0
        self.start(limits.seconds)

    def start(self, seconds: float) -> None:
        """Sets the seconds that each entry of the journal may take from now on."""
        self._seconds = seconds
        self._stamp = 0
        self._begin(self._resident())

    def excess(self) -> tuple[Outcome, Ended | Exceeded] | None:
        """The limit that is exceeded, or None; checked at most every `LOOK_SECONDS`."""
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return None
        before, self._looked = self._last, now
        stamp, self._last = os.fstat(self._journal.fileno()).st_mtime_ns, self._resident()
        if stamp != self._stamp:
            self._stamp = stamp
            self._begin(min(before, self._last))
        if self._clock.seconds() - self._since > self._seconds:
            return Outcome.HUNG, Ended(end=End(how=How.TIME, seconds=self._seconds))
        if self._last - self._held > self._limits.memory:
            return Outcome.CRASHED, Exceeded(what="memory", most_bytes=self._limits.memory)
        if self.printed > OUTPUT_BYTES:
            return Outcome.CRASHED, Exceeded(what="output", most_bytes=OUTPUT_BYTES)
        return None

    def _begin(self, held: int) -> None:
        self._since, self._held, self._last, self.printed = self._clock.seconds(), held, held, 0

    def _resident(self) -> int:
        """What it has in memory, and what processes below it have of their own or share with few others."""
        with contextlib.suppress(psutil.Error):
            found = int(psutil.Process(self._pid).memory_info().rss)
            for pid in descendants(self._pid):
                with contextlib.suppress(psutil.Error):
                    found += _share(psutil.Process(pid))
            return found
        return 0


def _share(process: psutil.Process) -> int:
    """Of memory that processes share, as a fork and what it was forked from do, each has its part."""
    memory = process.memory_full_info()
    return int(getattr(memory, "pss", memory.uss))
