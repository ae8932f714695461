"""`WorkerProcess`: a worker as its parent sees it: asked, watched, ended at a limit, and replaced.

What may end it early: a crash, its own will, a limit on time, memory or output. It is forked from a process that has
loaded torch, so that a new one does not load it again; there is no thread and no CUDA context that a fork could
break. Pools of workers such as pebble's or loky's know of tasks that fail, but not what a task was at when it did, and
their workers are daemons, in which no method could use `multiprocessing`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import IO

from jaccheck.core import End, How, from_json, place_of, scratch_file, to_json
from jaccheck.errors import UnreadableFile
from jaccheck.reports import SURVIVAL, Detail, Ended, Exceeded, Failure, Outcome, Told
from jaccheck.runs.results import Try
from jaccheck.runs.workers.fork_server import LOST, fork_worker
from jaccheck.runs.workers.protocol import Answer, Assignment, Begun, Judge, Question, Start
from jaccheck.runs.workers.watch import LOOK_SECONDS, Limits, Watch

START_SECONDS = 300.0
"""A worker imports the user's own methods; the first one waits for torch, too, on a busy machine."""

MESSAGE_BYTES = 2**26
"""Larger than any answer; a damaged process can send any length."""

JOURNAL_BYTES = 2**28
"""More than any entry of a journal; a method may write into that file too."""

LAST_WORDS = 4096
"""How many of the last printed bytes are kept."""

MOST_READS = 64
GRACE_SECONDS = 2.0
"""How long a process whose connection has ended may take to end, so that its exit code is known."""


class Death(Exception):
    """A worker has ended, or was ended: what it was doing, if anything, and the verdict on it."""

    def __init__(self, begun: Begun | None, outcome: Outcome, detail: Detail, *, is_from_outside: bool = False) -> None:
        self.begun = begun
        self.failure = Failure(law=SURVIVAL, outcome=outcome, detail=detail)
        super().__init__(self.failure.message)
        self.is_from_outside = is_from_outside
        """Whether the kernel (short of memory) or a person may have ended it."""


class WorkerProcess:
    """One worker, started when it is first asked, and again after each death."""

    def __init__(self, assignment: Assignment, limits: Limits, journal: Path) -> None:
        self._assignment = assignment
        self._limits = limits
        self._journal = journal
        self._running: _Running | None = None
        self._is_ended = False

    def judge(self, ask: Judge) -> Iterator[Answer]:
        """The results of the cases, one after the other, until one spoils the process, which is ended. Raises Death."""
        self._send(ask, self._limits.seconds)
        while not (answer := self._answer()).is_last:
            yield answer
        if answer.is_spoilt:
            self.close()
            yield answer

    def failure(self, ask: Try, *, seconds: float) -> Failure | None:
        """How a failure shows, if it does, within so many seconds. Raises Death."""
        self._send(ask, seconds)
        return self._answer().failure

    def end(self) -> None:
        """Ends the process and all that it has started; a thread that waits for its answer gets a Death."""
        self._is_ended = True
        running = self._running  # another thread may release it meanwhile
        if running is not None:
            running.kill()

    def close(self) -> None:
        """Ends the process, and releases what belongs to it."""
        if self._running is not None:
            self._running.close()
            self._running = None

    def start(self) -> None:
        """Starts it, which imports the methods, where it does not run yet. Raises Death."""
        if self._running is not None:
            return
        try:
            self._running = _Running(self._assignment, self._limits, self._journal)
        except (EOFError, OSError) as error:
            told = Told(text=f"no worker can be started: {error}")
            raise Death(None, Outcome.CRASHED, told, is_from_outside=True) from None
        if self._is_ended:  # while it was started
            self._running.kill()
        self._next(START_SECONDS)

    def _send(self, ask: Judge | Try, seconds: float) -> None:
        self.start()
        assert self._running is not None
        self._running.watch.start(seconds)
        try:
            self._running.connection.send_bytes(to_json(Question(ask=ask)).encode())
        except OSError:
            raise self._death() from None

    def _answer(self) -> Answer:
        while True:
            said = self._next(None)
            try:
                answer = from_json(Answer, said, where="answer of a worker")
            except UnreadableFile:
                raise self._death() from None
            if self._running is not None and answer.pid == self._running.pid:
                return answer  # else a fork of the process has said it, which was not asked

    def _next(self, seconds: float | None) -> bytes:
        """The next message. Raises Death if the process ends first, or exceeds a limit."""
        assert self._running is not None
        if seconds is not None:
            self._running.watch.start(seconds)
        message = self._running.message()
        if not isinstance(message, bytes):
            raise self._death(message)
        return message

    def _death(self, excess: tuple[Outcome, Ended | Exceeded] | None = None) -> Death:
        """How the process ended; it is ended first if it has not ended yet."""
        assert self._running is not None
        code, words = self._running.end(grace=0.0 if excess else GRACE_SECONDS)
        begun = self._running.begun()
        self._running.close()
        self._running = None
        if excess:
            return Death(begun, *excess)
        how = How.NO_MESSAGE if code is None else How.SIGNAL if code < 0 else How.EXIT
        is_from_outside = code in (-signal.SIGKILL, -signal.SIGTERM, LOST)
        end = End(how=how, code=abs(code or 0), words=words)
        return Death(begun, Outcome.CRASHED, Ended(end=end), is_from_outside=is_from_outside)


class _Running:
    """A process that runs, its connection, and what it prints."""

    def __init__(self, assignment: Assignment, limits: Limits, journal: Path) -> None:
        self._journal = _opened(journal)
        try:
            self._process = fork_worker()
        except BaseException:
            self._journal.close()
            raise
        self.pid, self.connection = self._process.pid, self._process.connection
        self._output: Connection | None = self._process.printed
        self._words = b""
        self.watch = Watch(self.pid, self._journal, limits)
        place = place_of(self._journal, journal)
        start = Start(assignment=assignment, journal=place, path=tuple(sys.path), folder=_folder())
        with contextlib.suppress(OSError):  # it has ended already, which is seen when its first answer is awaited
            self.connection.send_bytes(to_json(start).encode())

    def message(self) -> bytes | tuple[Outcome, Ended | Exceeded] | None:
        """Its next message; otherwise the limit that it has exceeded, or None if it has ended."""
        while True:
            waited = [part for part in (self.connection, self._output, self._process.sentinel) if part is not None]
            ready = wait(waited, timeout=LOOK_SECONDS)
            if self._output in ready:
                self._read_output()
            if self.connection in ready:
                try:
                    return self.connection.recv_bytes(MESSAGE_BYTES)
                except (EOFError, OSError):
                    return None
            if self._process.sentinel in ready:
                return None
            if excess := self.watch.excess():
                return excess

    def kill(self) -> None:
        """Ends it and all that it has started."""
        for kill in (os.killpg, os.kill):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                kill(self.pid, signal.SIGKILL)

    def begun(self) -> Begun | None:
        """What it has begun last, if anything; read when it has ended."""
        size = min(os.fstat(self._journal.fileno()).st_size, JOURNAL_BYTES)
        first_line = os.pread(self._journal.fileno(), size, 0).partition(b"\n")[0]
        with contextlib.suppress(UnreadableFile):
            return from_json(Begun, first_line, where="journal of a worker") if first_line else None
        return None

    def close(self) -> None:
        """Ends it, and closes all files."""
        self.end()
        self._process.release()
        self._journal.close()

    def end(self, *, grace: float = 0.0) -> tuple[int | None, str]:
        """How it ended (None if it had to be ended here after `grace` seconds), and the last line that it printed."""
        code = self._process.exit_code(grace)
        if code is None:
            self.kill()
            self._process.exit_code(None)
        for _ in range(MOST_READS):
            if self._output is None or not self._output.poll():
                break
            self._read_output()
        lines = self._words.decode(errors="replace").strip().splitlines()
        return code, lines[-1].strip()[:200] if lines else ""

    def _read_output(self) -> None:
        assert self._output is not None
        piece = os.read(self._output.fileno(), 2**16)
        self.watch.printed += len(piece)
        self._words = (self._words + piece)[-LAST_WORDS:]
        if not piece:
            self._output = None


def _opened(journal: Path) -> IO[bytes]:
    """The empty journal, which stays open: its folder may go away while a run goes on, or be gone already."""
    try:
        return journal.open("w+b", buffering=0)
    except OSError:
        return scratch_file()


def _folder() -> str:
    """The working directory, or one that surely exists where it is gone."""
    try:
        return os.getcwd()
    except OSError:
        return os.sep
