"""`WorkerProcess`: a worker as its parent sees it: asked, watched, ended at a limit, and replaced.

What may end it early: a crash, its own will, a limit on time, memory or output. It is started by `multiprocessing`'s
fork server, so that a new one does not load torch again; there is no thread and no CUDA context that a fork could
break. Pools of workers such as pebble's or loky's know of tasks that fail, but not what a task was at when it did.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

from jaccheck.core import End, How, from_json, to_json
from jaccheck.errors import UnreadableFile
from jaccheck.reports import SURVIVAL, Detail, Ended, Exceeded, Failure, Outcome, Told
from jaccheck.runs.results import Try
from jaccheck.runs.workers.protocol import Answer, Assignment, Begun, Judge, Question
from jaccheck.runs.workers.watch import LOOK_SECONDS, Limits, Watch
from jaccheck.runs.workers.worker import serve

START_SECONDS = 300.0
"""A worker imports the user's own methods; the first one waits for torch, too, on a busy machine."""

MESSAGE_BYTES = 2**26
"""Larger than any answer; a damaged process can send any length."""

LAST_WORDS = 4096
"""How many of the last printed bytes are kept."""

MOST_READS = 64
GRACE_SECONDS = 2.0
"""How long a process whose connection has ended may take to end, so that its exit code is known."""

LOST = 255
"""The exit code of a worker that was ended together with its fork server."""


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

    def judge(self, ask: Judge) -> Iterator[Answer]:
        """The results of the cases, one after the other. Raises Death."""
        self._send(ask, self._limits.seconds)
        while not (answer := self._answer()).is_last:
            yield answer

    def failure(self, ask: Try, *, seconds: float) -> Failure | None:
        """How a failure shows, if it does, within so many seconds. Raises Death."""
        self._send(ask, seconds)
        return self._answer().failure

    def end(self) -> None:
        """Ends the process and all that it has started; a thread that waits for its answer gets a Death."""
        running = self._running  # another thread may release it meanwhile
        if running is not None:
            running.kill()

    def close(self) -> None:
        """Ends the process, and releases what belongs to it."""
        if self._running is not None:
            self._running.close()
            self._running = None

    def _send(self, ask: Judge | Try, seconds: float) -> None:
        if self._running is None:
            try:
                self._running = _Running(self._assignment, self._limits, self._journal)
            except (EOFError, OSError) as error:
                told = Told(text=f"no worker can be started: {error!r}")
                raise Death(None, Outcome.CRASHED, told, is_from_outside=True) from None
            self._next(START_SECONDS)
        self._running.watch.start(seconds)
        try:
            self._running.connection.send_bytes(to_json(Question(ask=ask)).encode())
        except OSError:
            raise self._death() from None

    def _answer(self) -> Answer:
        said = self._next(None)
        try:
            return from_json(Answer, said, where="answer of a worker")
        except UnreadableFile:
            raise self._death() from None

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
        code, words = self._running.close(grace=0.0 if excess else GRACE_SECONDS)
        self._running = None
        first_line = self._journal.read_bytes().partition(b"\n")[0]
        begun = None
        if first_line:
            with contextlib.suppress(UnreadableFile):
                begun = from_json(Begun, first_line, where=str(self._journal))
        if excess:
            return Death(begun, *excess)
        how = How.NO_MESSAGE if code is None else How.SIGNAL if code < 0 else How.EXIT
        is_from_outside = code in (-signal.SIGKILL, -signal.SIGTERM, LOST)
        end = End(how=how, code=abs(code or 0), words=words)
        return Death(begun, Outcome.CRASHED, Ended(end=end), is_from_outside=is_from_outside)


class _Running:
    """A process that runs, its connection, and what it prints."""

    def __init__(self, assignment: Assignment, limits: Limits, journal: Path) -> None:
        context = multiprocessing.get_context("forkserver")
        self.connection, theirs = context.Pipe()
        self._output: Connection | None
        self._output, printed = context.Pipe(duplex=False)
        journal.write_bytes(b"")
        self._process = context.Process(
            target=serve, args=(theirs, printed, str(journal), to_json(assignment)), daemon=True
        )
        self._process.start()
        theirs.close()
        printed.close()
        assert self._process.pid is not None
        self._pid = self._process.pid
        self._words = b""
        self.watch = Watch(self._pid, journal, limits)

    def message(self) -> bytes | tuple[Outcome, Ended | Exceeded] | None:
        """Its next message; otherwise the limit that it has exceeded, or None if it has ended."""
        while True:
            waited = [part for part in (self.connection, self._output, self._process.sentinel) if part is not None]
            ready = multiprocessing.connection.wait(waited, timeout=LOOK_SECONDS)
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
                kill(self._pid, signal.SIGKILL)

    def close(self, *, grace: float = 0.0) -> tuple[int | None, str]:
        """How it ended (None if it had to be ended here after `grace` seconds), and the last line that it printed."""
        self._process.join(grace)
        code = self._process.exitcode
        self.kill()
        self._process.join()
        for _ in range(MOST_READS):
            if self._output is None or not self._output.poll():
                break
            self._read_output()
        self.connection.close()
        self._process.close()
        lines = self._words.decode(errors="replace").strip().splitlines()
        return code, lines[-1].strip()[:200] if lines else ""

    def _read_output(self) -> None:
        assert self._output is not None
        piece = os.read(self._output.fileno(), 2**16)
        self.watch.printed += len(piece)
        self._words = (self._words + piece)[-LAST_WORDS:]
        if not piece:
            self._output.close()
            self._output = None
