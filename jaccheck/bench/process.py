"""A worker process at its parent's end: started with an environment of its own, asked, stopped when it hangs."""

from __future__ import annotations

import os
from collections.abc import Iterator

from jaccheck.bench.jobs import KEPT_MEMORY, Message, Task
from jaccheck.core import Child, scratch_file


class Worker:
    """One process that answers tasks, started when it is first needed, and again after it has ended."""

    def __init__(self, *, keeps_memory: bool) -> None:
        self._environment = {key: value for key, value in os.environ.items() if not key.startswith("MALLOC_")}
        if keeps_memory:
            self._environment |= KEPT_MEMORY
        self._child: Child | None = None

    @property
    def is_running(self) -> bool:
        """Whether the process has been started and not ended since."""
        return self._child is not None and self._child.is_running

    def ask(self, task: Task, seconds: float) -> Iterator[Message]:
        """The answer, message by message. Raises ChildEnded where the process ends, or is not done after `seconds`."""
        if self._child is None or not self._child.is_running:
            errors = scratch_file()
            self._child = Child("jaccheck.bench.worker", environment=self._environment, errors=errors)
        child = self._child
        child.allow(seconds)
        child.send(task)
        while not (message := child.receive(Message)).is_last:
            yield message
        yield message

    def close(self) -> None:
        """Ends the process, with all its memory."""
        if self._child is not None:
            self._child.close()
            self._child = None
