"""Memory that a call may take, held to on Linux, so that a method that needs too much fails and not the machine."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import mmap
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch

from jaccheck.core import text_of

resource: Any
try:
    import resource
except ModuleNotFoundError:  # not on Windows
    resource = None

T = TypeVar("T")

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
"""From glibc's malloc.h."""

_PAGE = mmap.PAGESIZE
_REFUSED = ("can't allocate memory", "not enough memory", "out of memory", "Cannot allocate memory", "bad_alloc")


class DoesNotFit(Exception):
    """A call asked for more memory than it was given."""


def call_within(call: Callable[[], T], more: int) -> T:
    """What `call` returns, while the process may take at most so many bytes of address space more than it has.

    On Linux the limit is the kernel's (RLIMIT_AS): an allocation beyond it fails, in torch with a RuntimeError, and
    DoesNotFit is raised. Elsewhere, and on accelerators, only what the device itself refuses ends so.
    """
    limit = _address_space() + max(more, 0)
    is_limited = sys.platform == "linux" and resource is not None
    if is_limited:
        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (limit if soft < 0 else min(soft, limit), hard))
    try:
        return call()
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and not any(words in text_of(error) for words in _REFUSED):
            raise
        # The frames that the exception holds keep what was allocated so far.
        error.__traceback__ = None
        message = f"more than the {max(more, 0) / 2**30:.1f} GiB that are left of the memory given"
    finally:
        if is_limited:
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    gc.collect()
    raise DoesNotFit(message)


def resident_bytes() -> int:
    """Physical memory that this process has now."""
    if sys.platform == "linux":
        return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
    import psutil

    return int(psutil.Process().memory_info().rss)


def default_memory() -> int:
    """What this process has and half of what is free, by the kernel's own estimate and the control group's limit."""
    free = 2**32
    if sys.platform == "linux":
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                free = int(line.split()[1]) * 1024
        limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
        if limit.exists() and used.exists() and (text := limit.read_text().strip()) != "max":
            free = min(free, max(int(text) - int(used.read_text()), 0))
    return resident_bytes() + free // 2


def keep_freed_memory() -> None:
    """From now on glibc keeps what is freed for the next allocation, which halves the time of large arrays.

    Fresh pages cost more than the arithmetic on them. Where the C library is another one nothing happens.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)


def warm_up() -> None:
    """Starts torch's threads, whose stacks take address space too."""
    torch.ones(256, 256) @ torch.ones(256, 256)


def _address_space() -> int:
    if sys.platform != "linux":
        return 0
    return int(Path("/proc/self/statm").read_text().split()[0]) * _PAGE
