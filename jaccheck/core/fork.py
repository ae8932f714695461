"""`Fork`: a fork of this process that answers for a function, and may end while it does.

For what only this process has, as the functions of a test file: a new process could not import them. As in the workers
of torch's own DataLoader, which are forked too, nothing there may use more than one thread or an accelerator.
"""

from __future__ import annotations

import atexit
import os
import select
import signal
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from jaccheck.core.child import GRACE_SECONDS, LAST_BYTES, LOOK_SECONDS, ChildEnded, End, How
from jaccheck.core.clock import OwnClock
from jaccheck.core.files import scratch_file
from jaccheck.core.fork_guard import end_with_parent, only_here
from jaccheck.core.memory import resident_of
from jaccheck.core.text import printable, text_of
from jaccheck.core.worker import LOADING_SECONDS, OUTPUT_BYTES, Allowed
from jaccheck.errors import BrokenEnvironment

CAN_FORK = sys.platform == "linux" and hasattr(os, "fork")
"""Elsewhere it is not safe in a process that has loaded torch, or there is no fork."""

PIECE = 2**16


class Fork:
    """A fork, made at once. Its questions and answers are JSON objects; what it prints is kept from all others."""

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        (asked, self._ask), (self._answers, say) = os.pipe(), os.pipe()
        self._printed = scratch_file()
        sys.stdout.flush()
        sys.stderr.flush()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.12 on: this process may have threads
            self.pid = os.fork()
        if not self.pid:
            _serve(answer, asked, say, self._printed.fileno())
        os.close(asked)
        os.close(say)
        self._owner = os.getpid()
        self._clock = OwnClock(self.pid)
        self._resident, self._is_closed = resident_of(self.pid), False
        atexit.register(self.close)

    def ask(self, question: bytes, allowed: Allowed) -> bytes:
        """The answer. Raises ChildEnded where the fork ended, or had to be ended, before it was there."""
        until = self._clock.seconds() + allowed.seconds
        most, printed = self._resident + allowed.memory, self._size() + OUTPUT_BYTES
        looked = time.monotonic()
        try:
            self._send(question + b"\n")
            said = b""
            while not said.endswith(b"\n"):
                if select.select([self._answers], [], [], LOOK_SECONDS)[0]:
                    piece = os.read(self._answers, PIECE)
                    said += piece
                    if not piece:
                        raise self._ended()
                    if said[:1] != b"{":
                        raise self._ended(End(how=How.NO_MESSAGE, words=printable(said[:200].decode(errors="replace"))))
                if time.monotonic() - looked >= LOOK_SECONDS:
                    self._resident, looked = resident_of(self.pid), time.monotonic()
                    if self._clock.seconds() > until:
                        raise self._ended(End(how=How.TIME, seconds=allowed.seconds))
                    if self._resident > most:
                        raise self._ended(End(how=How.MEMORY, most_bytes=allowed.memory))
                    if self._size() > printed:
                        raise self._ended(End(how=How.OUTPUT, most_bytes=OUTPUT_BYTES))
        except BaseException:
            self.close()
            raise
        return said

    def close(self) -> None:
        """Ends it, with all that it has started."""
        if self._is_closed or os.getpid() != self._owner:  # a fork of this process owns no other
            return
        self._is_closed = True
        atexit.unregister(self.close)
        for end in (os.killpg, os.kill):
            with suppress(ProcessLookupError, PermissionError):
                end(self.pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)
        os.close(self._ask)
        os.close(self._answers)
        self._printed.close()

    def _send(self, question: bytes) -> None:
        try:
            while question:
                question = question[os.write(self._ask, question) :]
        except OSError:
            raise self._ended() from None

    def _ended(self, end: End | None = None) -> ChildEnded:
        """The error that says how it ended, which is found out where `end` does not say it."""
        if end is None:
            until = time.monotonic() + GRACE_SECONDS
            end = End(how=How.NO_MESSAGE)
            while time.monotonic() < until:
                # It is left to be waited for, so that its number, by which it is killed, stays its own.
                found = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
                if found is not None:
                    how = How.EXIT if found.si_code == os.CLD_EXITED else How.SIGNAL
                    end = End(how=how, code=found.si_status, words=self._last_words())
                    break
                time.sleep(0.01)
        return ChildEnded(end)

    def _size(self) -> int:
        return os.fstat(self._printed.fileno()).st_size

    def _last_words(self) -> str:
        size = self._size()
        said = os.pread(self._printed.fileno(), LAST_BYTES, max(size - LAST_BYTES, 0))
        lines = said.decode(errors="replace").strip().splitlines()
        return printable(lines[-1].strip()[:200]) if lines else ""


def survive(action: Callable[[], object], what: str) -> None:
    """Nothing, or BrokenEnvironment where a process ends of an action: a fork does it first.

    What it raises is raised again by whoever does it then. Where there is no fork, nothing is tried.
    """
    if not CAN_FORK:
        return

    def answer(question: bytes) -> bytes:
        with suppress(Exception, SystemExit):
            action()
        return b"{}"

    fork = Fork(answer)
    try:
        fork.ask(b"{}", Allowed(seconds=LOADING_SECONDS))
    except ChildEnded as error:
        raise BrokenEnvironment(f"{what}: {error}") from None
    finally:
        fork.close()


def _serve(answer: Callable[[bytes], bytes], asked: int, say: int, printed: int) -> NoReturn:
    """Answers until there are no more questions; nothing of what the process was meant to do in the end is done."""
    code = 1
    try:
        os.setsid()  # so that processes of a method end with this one, and Ctrl-C does not reach it
        end_with_parent()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for stream in (1, 2):
            os.dup2(printed, stream)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
        with open(asked, "rb", closefd=False) as questions:
            while question := questions.readline():
                with only_here():
                    said = answer(question) + b"\n"
                while said:
                    said = said[os.write(say, said) :]
        code = 0
    except BaseException as error:
        with suppress(Exception):
            print(f"{type(error).__name__}: {text_of(error)}".rstrip(": "), file=sys.stderr, flush=True)
    finally:
        os._exit(code)
