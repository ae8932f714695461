"""What the parent asks of a worker process and what the worker answers: lines of JSON."""

from __future__ import annotations

from typing import Literal

from jaccheck.bench.shapes import Shape
from jaccheck.core import plain_data
from jaccheck.reports import BenchCell, Clock, MethodTiming, Race, Spread

KEPT_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**62), "MALLOC_TRIM_THRESHOLD_": str(2**62)}
"""With these glibc returns nothing to the system, and a result is written into the pages of an earlier one."""


@plain_data
class Task:
    """One problem and the methods on it.

    To start is to run each twice, so that what its first call loads is there. To examine is to call each once or
    twice: is it right, what does it need, can it be the fastest. The other two are races, in fresh and in reused
    memory, of `methods`, beside `representatives` of those that cannot win.
    """

    kind: Literal["start", "examine", "fresh", "reused"]
    shape: Shape
    dtype: str
    device: str
    methods: tuple[str, ...]
    representatives: tuple[str, ...] = ()
    seconds: float
    """For all methods together."""
    memory: int
    threads: int
    clock: Clock = "wall"


@plain_data
class Message:
    """One line of an answer: which method is next, what is known of one, or, at the end, everything else."""

    starts: str | None = None
    method: MethodTiming | None = None
    first_s: float | None = None
    """What its first call took on this problem."""
    quick_s: float | None = None
    """Of a start: what a second call takes on the smallest shape."""
    race: Race | None = None
    """How it stands, after each look and in the end."""
    times: dict[str, Spread] | None = None
    """Of each method in the race."""
    floor: Spread | None = None
    problem: BenchCell | None = None
    """Sizes of the problem, without methods."""
    complaint: str | None = None
    """The problem cannot be made."""
    is_last: bool = False
