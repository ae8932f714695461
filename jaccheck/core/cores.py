"""`usable_cores`: how many cores this process may use, which may be fewer than the machine has."""

from __future__ import annotations

import os
from math import ceil
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup/cpu.max")


def usable_cores(quota: Path = CGROUP) -> int:
    """At least 1: by the process's affinity and, in a container, by the share of time that its control group has."""
    count = getattr(os, "process_cpu_count", os.cpu_count)() or 1  # the first from Python 3.13 on
    if hasattr(os, "sched_getaffinity"):
        count = min(count, len(os.sched_getaffinity(0)))
    try:
        most, period = quota.read_text().split()
        if most != "max":
            count = min(count, ceil(int(most) / int(period)))
    except (OSError, ValueError, ZeroDivisionError):  # no Linux, or no control group
        pass
    return max(count, 1)
