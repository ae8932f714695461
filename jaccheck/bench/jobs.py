"""What the parent asks of a worker process and what the worker answers: lines of JSON."""

from __future__ import annotations

from typing import Literal

from jaccheck.bench.shapes import Shape
from jaccheck.core import plain_data
from jaccheck.reports import BenchCell, MethodTiming, Regime, Spread

KEPT_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**62), "MALLOC_TRIM_THRESHOLD_": str(2**62)}
"""With these glibc returns nothing to the system, and a result is written into the pages of an earlier one."""


@plain_data
class Task:
    """One problem and the methods on it.

    To start is to run each twice, so that what its first call loads is there. To examine is to run each once: is it
    right, what does it need. The other two are to time it, in fresh and in reused memory.
    """

    kind: Literal["start", "examine", "fresh", "reused"]
    shape: Shape
    dtype: str
    device: str
    methods: tuple[str, ...]
    seconds: float
    """For all methods together."""
    memory: int
    threads: int


@plain_data
class Message:
    """One line of an answer: which method is next, what is known of one, or, at the end, everything else."""

    starts: str | None = None
    method: MethodTiming | None = None
    quick_s: float | None = None
    """Of a start: what a second call takes on the smallest shape."""
    regime: Regime | None = None
    times: Spread | None = None
    floor: Spread | None = None
    problem: BenchCell | None = None
    """Sizes of the problem, without methods."""
    complaint: str | None = None
    """The problem cannot be made."""
    is_last: bool = False
