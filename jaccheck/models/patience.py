"""How long a call may take in a worker process: a loop in Python is stopped; what never comes back to Python is not."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from jaccheck.core import OwnClock

AGAIN_SECONDS = 0.1
"""Until it is looked again whether time is over, or whether an import is."""


class TooSlow(BaseException):
    """A call took more time than it was given. No Exception, so that no `except Exception` on the way keeps it."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raises TooSlow in a call that takes longer than so many seconds of this process's own clock.

    Nothing is stopped while a module is imported, since half of one would break what comes later. For the main thread
    of a process that is jaccheck's own: an exception at any moment may leave things undone. Where there is no timer, as
    on Windows, nothing is stopped here: the process that asked ends this one.
    """
    if not hasattr(signal, "SIGALRM"):
        yield
        return
    clock = OwnClock(os.getpid())
    until = clock.seconds() + seconds

    def stop(number: int, frame: FrameType | None) -> None:
        left = until - clock.seconds()
        if left <= 0 and not _is_importing(frame):
            raise TooSlow
        signal.setitimer(signal.ITIMER_REAL, max(left, AGAIN_SECONDS))

    mask = signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, AGAIN_SECONDS))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)  # a call that blocked signals must not block the next one's


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
