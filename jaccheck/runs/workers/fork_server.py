"""The one process that workers are forked from, as whoever starts workers sees it."""

from __future__ import annotations

import atexit
import os
import socket
import threading
from multiprocessing.connection import Connection, Pipe, wait

from jaccheck.core import Child, ChildEnded, End, scratch_file

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""One thread for torch and for numpy, so that workers do not compete for the cores."""

LOST = 255
"""The exit code of a worker whose code nobody has told: it was ended together with the process that it came from."""

NUMBER_BYTES = 8

GRACE_SECONDS = 2.0
"""For that process to end, once it answers no more."""

LOADING_SECONDS = 300.0
"""For the process to load torch, on a busy machine."""


class Forked:
    """A worker that was started: its number, its connection, what it prints, and its exit code once it has ended."""

    def __init__(self, pid: int, connection: Connection, printed: Connection, code: int) -> None:
        self.pid, self.connection, self.printed = pid, connection, printed
        self.sentinel = Connection(code, writable=False)
        """To be waited for; it is ready when the process has ended, and so has all that it left behind."""
        self._code: int | None = None

    def exit_code(self, seconds: float | None) -> int | None:
        """How it ended, the number of a signal negative; None where it has not after so many seconds."""
        if self._code is None and wait([self.sentinel], seconds):
            said = os.read(self.sentinel.fileno(), 16)
            self._code = int(said) if said else LOST
        return self._code

    def release(self) -> None:
        """Closes the files; the process has ended."""
        for file in (self.connection, self.printed, self.sentinel):
            file.close()


class _ForkServer:
    """Started when it is first asked for, and again where it has ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._asks: socket.socket | None = None
        self._owner = 0
        atexit.register(self._release)

    def start(self) -> socket.socket:
        """The socket through which it is asked. It may still be loading."""
        is_own = self._owner == os.getpid()  # in a fork of this process it is another's
        if self._asks is None or self._child is None or not is_own or not self._child.is_running:
            self._release()
            self._asks, theirs = socket.socketpair()
            self._asks.settimeout(LOADING_SECONDS)
            with theirs:
                self._child = Child(
                    "jaccheck.runs.workers.template",
                    str(theirs.fileno()),
                    environment={**os.environ, **ONE_THREAD},
                    handed=(theirs.fileno(),),
                    errors=scratch_file(),
                )
            self._owner = os.getpid()
        return self._asks

    def _give_up(self) -> None:
        with self._lock:
            if self._child is not None and self._owner == os.getpid():
                self._child.close()
            self._release()
            self._child = None

    def _why_it_ended(self) -> str:
        """How it ended, with the last line that it printed; empty where it lives, or was never started."""
        if self._child is None or self._owner != os.getpid():
            return ""
        self._child.allow(GRACE_SECONDS)
        try:
            self._child.receive(End)  # it says nothing but that it has ended
        except ChildEnded as ended:
            return f"what they are forked from: {ended}"
        return ""

    def _release(self) -> None:
        if self._asks is not None:
            self._asks.close()
            self._asks = None

    def fork(self) -> Forked:
        """A new worker. Raises OSError or EOFError where there is none."""
        connection, theirs = Pipe()
        printed, prints = Pipe(duplex=False)
        code, tells = os.pipe()
        try:
            with self._lock:
                asks = self.start()
                socket.send_fds(asks, [b"\0"], [theirs.fileno(), prints.fileno(), tells])
                pid = int.from_bytes(_exactly(asks, NUMBER_BYTES), "big")
        except (OSError, EOFError) as error:
            for file in (connection, printed):
                file.close()
            os.close(code)
            why = self._why_it_ended()
            self._give_up()
            raise EOFError(f"{why or error}") from None
        finally:
            theirs.close()
            prints.close()
            os.close(tells)
        return Forked(pid, connection, printed, code)


def _exactly(asked: socket.socket, count: int) -> bytes:
    said = b""
    while len(said) < count:
        some = asked.recv(count - len(said))
        if not some:
            raise EOFError("the process that workers are forked from has ended")
        said += some
    return said


_SERVER = _ForkServer()


def start_fork_server() -> None:
    """Starts it unless it runs already. It continues to load after this returns."""
    _SERVER.start()


def fork_worker() -> Forked:
    """A new worker, which knows nothing yet. Raises OSError, or EOFError that says why there is none."""
    return _SERVER.fork()
