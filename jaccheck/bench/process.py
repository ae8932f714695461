"""A worker process at its parent's end: started with an environment of its own, asked, stopped when it hangs."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator

from jaccheck.bench.jobs import GIVEN_MEMORY, Message, Task
from jaccheck.core import from_json, to_json


class WorkerLost(Exception):
    """The process ended before its answer did; the message says how."""


class Worker:
    """One process that answers tasks, started when it is first needed, and again after it was lost."""

    def __init__(self, *, keeps_memory: bool) -> None:
        self._environment = {key: value for key, value in os.environ.items() if not key.startswith("MALLOC_")}
        if keeps_memory:
            self._environment |= GIVEN_MEMORY
        self._process: subprocess.Popen[str] | None = None

    @property
    def is_running(self) -> bool:
        """Whether the process has been started and not ended since."""
        return self._process is not None and self._process.poll() is None

    def ask(self, task: Task, seconds: float) -> Iterator[Message]:
        """The answer, message by message. Raises WorkerLost where the process ends, or is not done after `seconds`."""
        process = self._running()
        is_late = threading.Event()

        def stop() -> None:
            is_late.set()
            process.kill()

        timer = threading.Timer(seconds, stop)
        timer.start()
        try:
            if process.stdin is None or process.stdout is None:
                raise WorkerLost("it has no pipes")
            process.stdin.write(to_json(task) + "\n")
            process.stdin.flush()
            for line in process.stdout:
                message = from_json(Message, line, where="answer of a worker")
                yield message
                if message.is_last:
                    return
        except BrokenPipeError:
            pass
        finally:
            timer.cancel()
        process.wait()
        self._process = None
        raise WorkerLost(
            f"not done after {seconds:.0f} s" if is_late.is_set() else self._last_words(process.returncode)
        )

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or not self.is_running:
            self._errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jaccheck.bench.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=self._environment,
                text=True,
                encoding="utf-8",
                # Ctrl-C is for the parent, which then stops its workers.
                start_new_session=True,
            )
        return self._process

    def _last_words(self, code: int) -> str:
        self._errors.seek(0)
        lines = self._errors.read().strip().splitlines()
        return f"its process ended with {code}" + (f": {lines[-1][:200]}" if lines else "")

    def close(self) -> None:
        """Ends the process, with all its memory."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
