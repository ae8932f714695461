"""A limit on time is for what a process does, not for what others do meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from jaccheck.core import OwnClock

SPIN = "while True: pass"
SLEEP = "import time; time.sleep(1000)"


@pytest.mark.full
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux counts how long a process waits for a core")
def test_waiting_for_a_core_does_not_count() -> None:
    """Of six processes that share a core each has a sixth of the time; one that sleeps has all of it."""
    core = {min(os.sched_getaffinity(0))}
    processes = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(6)]
    sleeper = subprocess.Popen([sys.executable, "-c", SLEEP])
    try:
        for process in processes:
            os.sched_setaffinity(process.pid, core)
        clocks = [OwnClock(process.pid) for process in (*processes, sleeper)]
        wall, before = time.monotonic(), [clock.seconds() for clock in clocks]
        time.sleep(3)
        passed, wall = [clock.seconds() for clock in clocks], time.monotonic() - wall
        *spinning, sleeping = [(after - since) / wall for after, since in zip(passed, before, strict=True)]
    finally:
        for process in (*processes, sleeper):
            process.kill()
            process.wait()
    assert sum(spinning) < 2
    assert sleeping > 0.9
    assert clocks[0].seconds() > passed[0]  # it goes on when the process has ended
