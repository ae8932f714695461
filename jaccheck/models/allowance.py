"""`Allowance`: the memory and the time that a check may take, and what is left of them."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from time import monotonic, perf_counter

from jaccheck.bench import resident_bytes
from jaccheck.errors import InvalidModel
from jaccheck.models.patience import TooSlow, limited

OF_ONE_CALL = 4
"""One method may take this part of the time for one part, or what is left."""

OF_ONE_PART = 10
"""The reference of one part is to take this part of the time, so that something is known soon."""

OF_DRAWS = 4
"""The draws of one part's estimate end after this part of the time that is left."""

OF_TIMING = 4
"""At most this part of the time that is left goes into timing methods."""

TRIES, OF_TRIES = 4, 50
"""One row is tried so often to know how long it takes, but no longer than this part of the time."""

PASSES = 25
"""An estimate takes about so many times as long as autograd for the same rows."""


class Allowance:
    """So many bytes for the whole process, so many seconds from now on.

    A single call is limited by the process's own clock, so that a busy machine stops nothing that is not slow itself.
    `can_stop` says whether a call may be stopped in the middle, as in a worker process.
    """

    def __init__(self, memory: int, seconds: float, *, can_stop: bool = False) -> None:
        self.memory, self.seconds, self.can_stop = memory, seconds, can_stop
        self._started = monotonic()

    def check_memory(self) -> None:
        """Nothing, or InvalidModel where the process has taken all memory already."""
        if self.left_bytes() <= 0:
            raise InvalidModel(
                f"memory of {self.memory / 2**30:.1f} GiB is less than the {resident_bytes() / 2**30:.1f} GiB that the "
                "process has already, with torch and the model in it; give more"
            )

    def left_bytes(self) -> int:
        """Memory that the process may still take."""
        return self.memory - resident_bytes()

    def spent_s(self) -> float:
        """Seconds since it began."""
        return monotonic() - self._started

    def left_s(self) -> float:
        """Seconds that are left, none below zero."""
        return max(0.0, self.seconds - self.spent_s())

    def call_s(self) -> float:
        """Seconds for one method and part."""
        return min(self.left_s(), self.seconds / OF_ONE_CALL)

    def limited(self, seconds: float) -> AbstractContextManager[None]:
        """Raises TooSlow in a call that takes longer, where calls may be stopped."""
        return limited(seconds) if self.can_stop else contextlib.nullcontext()

    def rows_of_a_part(self, one_row: Callable[[], object]) -> int:
        """How many rows of the Jacobian a part may have, by the shortest time that `one_row` takes in a few tries.

        A first call loads kernels, and any call may wait for a core: either is no time that the next rows take.
        """
        shortest, began = math.inf, perf_counter()
        try:
            with self.limited(self.left_s()):
                for _ in range(TRIES):
                    before = perf_counter()
                    one_row()
                    shortest = min(shortest, perf_counter() - before)
                    if perf_counter() - began > self.seconds / OF_TRIES:
                        break
        except TooSlow:
            return 1
        return max(1, int(self.seconds / OF_ONE_PART / PASSES / shortest))
