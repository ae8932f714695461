"""Physical memory: what a process has with all that it has started, and what the machine still has."""

from __future__ import annotations

from contextlib import suppress


def resident_of(pid: int) -> int:
    """Bytes of a process and its descendants; 0 where it has ended."""
    import psutil  # here: a command that starts no process need not wait for it

    total = 0
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        for each in (process, *process.children(recursive=True)):
            with suppress(psutil.Error):
                total += int(each.memory_info().rss)
    return total


def free_memory() -> int:
    """Bytes that the machine can give to processes now."""
    import psutil

    return int(psutil.virtual_memory().available)
