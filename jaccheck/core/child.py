"""`Child`: a Python process that is asked, and answers, in lines of JSON. `Parent` is what it sees at its own end.

The lines go through two pipes of their own, so nothing that is printed can come between them. The child leads a
session: Ctrl-C does not reach it, and it is killed with all that it has started. On Linux it ends with this process.
No file of the working directory or of PYTHONPATH hides one of the standard library there (`boot.py`).
"""

from __future__ import annotations

import atexit
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from enum import StrEnum
from functools import cache
from math import inf
from pathlib import Path
from typing import IO, Any, TypeVar

from jaccheck.core.clock import OwnClock
from jaccheck.core.memory import resident_of
from jaccheck.core.plain import from_json, plain_data, to_json
from jaccheck.core.text import bytes_text, printable
from jaccheck.errors import UnreadableFile

T = TypeVar("T")

BOOT = str(Path(__file__).with_name("boot.py"))

LINE_BYTES = 2**28
"""More than any message; what a broken process writes need not have an end."""

LAST_BYTES = 4096
"""Of what was printed last, in which the last line is looked for."""

GRACE_SECONDS = 2.0
"""For a process that has closed its pipe to end, so that it can be said how; for the pipe to end after the process."""

LONGEST_WAIT = 3600.0
"""A queue takes no infinite time."""

LOOK_SECONDS = 0.5
"""How often memory and output are looked at, where they are limited."""

SPINS = "5000"
"""How often a thread of GNU OpenMP looks for work, or for the others to be done, before it sleeps: 10 µs or so.

Its own 300,000 take a core that others want: on a busy machine `check` takes twice as long or more, and its times are
those of waiting.
"""


class How(StrEnum):
    """How a child process ended; a closed list."""

    EXIT = "exit"
    SIGNAL = "signal"
    TIME = "time"
    MEMORY = "memory"
    OUTPUT = "output"
    NO_MESSAGE = "no message"


@plain_data
class End:
    """How a child process ended, or why it was ended."""

    how: How
    code: int = 0
    """The exit code, or the number of the signal."""
    seconds: float = 0.0
    """The time that it was given, where it took more."""
    most_bytes: int = 0
    """The memory or output that it was given, where it took or wrote more."""
    words: str = ""
    """The last line that it printed, or what it said instead of a message."""

    def __str__(self) -> str:
        match self.how:
            case How.EXIT:
                said = f"the process ended itself with exit code {self.code}"
            case How.SIGNAL:
                names = {number.value: number.name for number in signal.Signals}
                said = f"the process was ended by {names.get(self.code, f'signal {self.code}')}"
            case How.TIME:
                said = f"not done after {self.seconds:.3g} s"
            case How.MEMORY:
                said = f"out of memory: it took more than {bytes_text(self.most_bytes)}"
            case How.OUTPUT:
                said = f"it wrote more than {bytes_text(self.most_bytes)} to standard output and error"
            case How.NO_MESSAGE:
                said = "the process lives, but has closed or spoilt the connection through which it answers"
        return f"{said}: {self.words}" if self.words else said


class ChildEnded(Exception):
    """A child process has ended, or had to be ended, before its answer was there."""

    def __init__(self, end: End) -> None:
        super().__init__(str(end))
        self.end = end


class Child:
    """A process that runs a module of jaccheck's, which talks to a `Parent`; started at once.

    What it prints goes to `errors`, which is closed with it, or else to the standard error of this process. The files
    `handed` on are open there under the same numbers.
    """

    def __init__(
        self,
        module: str,
        *arguments: str,
        python: str = sys.executable,
        environment: Mapping[str, str] | None = None,
        errors: IO[bytes] | None = None,
        handed: tuple[int, ...] = (),
    ) -> None:
        (asked, ask), (answers, answer) = os.pipe(), os.pipe()
        self._asks, self._answers, self._errors = open(ask, "wb"), open(answers, "rb"), errors  # noqa: SIM115
        ends = str(asked), str(answer), str(os.getpid())
        variables = dict(os.environ if environment is None else environment)
        path = variables.pop("PYTHONPATH", "")
        if "OMP_WAIT_POLICY" not in variables:
            variables.setdefault("GOMP_SPINCOUNT", SPINS)
        command = [python, "-P", "-W", "ignore", BOOT, path, module, *ends, *arguments]
        printed = 2 if errors is None else errors.fileno()
        try:
            self._process = _spawner().submit(_popen, command, variables, printed, (asked, answer, *handed)).result()
        except BaseException:
            self._answers.close()
            self._asks.close()
            raise
        finally:
            os.close(asked)
            os.close(answer)
        self.pid = self._process.pid
        self._clock = OwnClock(self.pid)
        self.allow(inf)
        self._limits: tuple[int, int, int, int] | None = None
        self._resident, self._looked = 0, time.monotonic()
        self._is_reaped, self._reaping = False, threading.Lock()
        self._lines: queue.Queue[bytes] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._reader.start()
        self._watcher.start()
        atexit.register(self.close)

    @property
    def is_running(self) -> bool:
        """Whether the process has not ended."""
        return not self._is_reaped

    def allow(self, seconds: float) -> None:
        """From now on it has so many seconds by its own clock, for all that is received until the next call."""
        self._seconds, self._until = seconds, self._clock.seconds() + seconds

    def limit(self, *, memory: int, output: int) -> None:
        """From now on it may take so many bytes more than when last looked at, and print so many into `errors`."""
        self._limits = memory, self._resident + memory, output, self._printed() + output

    def send(self, value: Any) -> None:
        """Sends plain data. Raises ChildEnded."""
        try:
            self._asks.write(to_json(value).encode() + b"\n")
            self._asks.flush()
        except (OSError, ValueError):  # a pipe that is broken, or closed here
            raise self._ended() from None

    def receive(self, kind: type[T]) -> T:
        """The next message, of that type. Raises ChildEnded where there is none, or none in time."""
        while (left := self._until - self._clock.seconds()) > 0:
            with suppress(queue.Empty):
                line = self._lines.get(timeout=min(left, LOOK_SECONDS if self._limits else LONGEST_WAIT))
                break
            if excess := self._excess():
                raise self._ended(excess)
        else:
            raise self._ended(End(how=How.TIME, seconds=self._seconds))
        if not line:
            raise self._ended()
        try:
            return from_json(kind, line, where="message")
        except UnreadableFile:
            words = printable(line[:200].decode(errors="replace").strip())
            raise self._ended(End(how=How.NO_MESSAGE, words=words)) from None

    def close(self) -> None:
        """Ends the process with all that it has started."""
        atexit.unregister(self.close)
        self._kill()
        self._watcher.join()
        for file in (self._asks, self._errors):
            if file is not None:
                with suppress(OSError):  # what was not sent yet goes nowhere
                    file.close()

    def _ended(self, end: End | None = None) -> ChildEnded:
        """The error that says how it ended, which is found out where `end` does not say it; it is closed then."""
        if end is None:
            self._watcher.join(GRACE_SECONDS)
            code = self._process.returncode
            if code is None:
                end = End(how=How.NO_MESSAGE)
            else:
                how = How.SIGNAL if code < 0 else How.EXIT
                end = End(how=how, code=abs(code), words=self._last_words())
        self.close()
        self._lines.put(b"")  # for whoever goes on asking
        return ChildEnded(end)

    def _excess(self) -> End | None:
        """The limit of memory or output that it has exceeded, or None."""
        if self._limits is None or time.monotonic() - self._looked < LOOK_SECONDS:
            return None
        memory, resident, output, printed = self._limits
        self._resident, self._looked = resident_of(self.pid), time.monotonic()
        if self._resident > resident:
            return End(how=How.MEMORY, most_bytes=memory)
        return End(how=How.OUTPUT, most_bytes=output) if self._printed() > printed else None

    def _printed(self) -> int:
        with suppress(OSError, ValueError):
            return 0 if self._errors is None else os.fstat(self._errors.fileno()).st_size
        return 0

    def _last_words(self) -> str:
        """The last line of what it printed. The place in the file is shared with the process, and not moved."""
        if self._errors is None:
            return ""
        with suppress(OSError, ValueError):  # closed in another thread
            file = self._errors.fileno()
            said = os.pread(file, LAST_BYTES, max(os.fstat(file).st_size - LAST_BYTES, 0))
            lines = said.decode(errors="replace").strip().splitlines()
            return printable(lines[-1].strip()[:200]) if lines else ""
        return ""

    def _kill(self) -> None:
        with self._reaping, suppress(ProcessLookupError, PermissionError):
            if not self._is_reaped:  # else its number may be another's by now
                os.killpg(self.pid, signal.SIGKILL)

    def _read(self) -> None:
        """Puts every line into the queue, and an empty one where there will be no more."""
        with self._answers as answers, suppress(OSError):
            while first := answers.read(1):  # a message is a JSON object; what else is written need not have an end
                self._lines.put(first + answers.readline(LINE_BYTES) if first == b"{" else first)
        self._lines.put(b"")

    def _watch(self) -> None:
        """Waits for the end, and ends what the process has started and left behind."""
        if hasattr(os, "waitid"):
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        else:  # macOS, before Python 3.13
            self._process.wait()
        self._kill()
        with self._reaping:
            self._process.wait()
            self._is_reaped = True
        self._reader.join(GRACE_SECONDS)
        self._lines.put(b"")  # a process that has left the group may hold the pipe open


def _popen(
    command: list[str], environment: Mapping[str, str], printed: int, handed: tuple[int, ...]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=printed,
        stderr=printed,
        pass_fds=handed,
        env=environment,
        start_new_session=True,
    )


@cache
def _spawner() -> ThreadPoolExecutor:
    """The thread that starts all children: Linux ends a child when the thread ends that has started it."""
    return ThreadPoolExecutor(max_workers=1)
