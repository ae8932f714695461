"""Peak memory of a call, as torch's own allocator counts it: exact, and the same on every run."""

from __future__ import annotations

import os
from collections.abc import Callable

import torch


def counts_memory(device: str) -> bool:
    """Whether torch says how much memory of a device is held at most; it does not for mps and XLA."""
    kind = device.split(":")[0]
    return kind == "cpu" or hasattr(getattr(torch, kind, None), "max_memory_allocated")


def peak_bytes(call: Callable[[], object], device: str = "cpu") -> int | None:
    """Largest number of bytes that torch held during `call` beyond those held before it, its result included.

    None where torch does not count them, after the call.

    On the CPU they are counted from the events of torch's profiler, which slows the call down: never time it. What
    a library allocates behind torch's back is not seen.
    """
    if not counts_memory(device):
        call()
        return None
    if not device.startswith("cpu"):
        backend = getattr(torch, device.split(":")[0])
        backend.synchronize(device)
        backend.reset_peak_memory_stats(device)
        before = backend.memory_allocated(device)
        kept = call()
        backend.synchronize(device)
        del kept
        return int(backend.max_memory_allocated(device) - before)
    # The profiler's native part announces itself on standard error otherwise; read at its first start.
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    with torch.autograd.profiler.profile(profile_memory=True) as profile:
        kept = call()
    del kept
    held = peak = 0
    for event in profile.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    return peak
