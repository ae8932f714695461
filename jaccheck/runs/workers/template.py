"""The process that workers are forked from: it loads torch, runs nothing of anybody's, and tidies up after workers.

It is asked through a socket, by one byte that comes with three files: the worker's connection, where it prints, and
where its exit code goes. It answers with the worker's number. Orphans of a worker that has ended come to it: whatever a
method has left behind, in whatever session, ends with its worker.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import traceback
from multiprocessing.connection import Connection
from typing import NoReturn

from jaccheck.core import (
    Parent,
    adopt_orphans,
    bound_native_caches,
    children,
    end_descendants,
    end_with_parent,
    loading,
)
from jaccheck.methods import load_built_in, load_late
from jaccheck.runs.workers.worker import serve

MOST_FILES = 4096
"""More than a process that has just been forked has open."""


def load() -> None:
    """Loads what judging needs. It runs nothing and starts no thread."""
    load_built_in()
    load_late()


class _Template:
    """The workers that live, each by its number with the file in which its exit code is awaited."""

    def __init__(self, asked: socket.socket) -> None:
        self._asked = asked
        self._workers: dict[int, int] = {}

    def answer(self) -> None:
        """Starts workers until nobody asks any more."""
        signal.signal(signal.SIGCHLD, lambda *_: self._reap())
        while True:
            asked, files, _, _ = socket.recv_fds(self._asked, 1, 3)
            if not asked:
                return
            self._asked.sendall(self._start(*files).to_bytes(8, "big"))

    def _start(self, connection: int, printed: int, code: int) -> int:
        """A new worker; nothing is reaped before it is known."""
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGCHLD,))
        above = os.getpid()
        pid = os.fork()
        if not pid:
            _be_worker(above, connection, printed)
        self._workers[pid] = code
        os.close(connection)
        os.close(printed)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGCHLD,))
        return pid

    def _reap(self) -> None:
        """Takes note of workers that have ended, and ends what they have left behind."""
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                pid, status = ended
                if pid not in self._workers:
                    continue
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, signal.SIGKILL)
                for orphan in children(os.getpid()):
                    if orphan not in self._workers:
                        end_descendants(orphan)
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(orphan, signal.SIGKILL)
                code = self._workers.pop(pid)
                with contextlib.suppress(OSError):  # nobody waits for it any more
                    os.write(code, str(os.waitstatus_to_exitcode(status)).encode())
                os.close(code)


def _be_worker(above: int, connection: int, printed: int) -> NoReturn:
    """What a fork does, from its first moment to its last, and never more."""
    code = 1
    try:
        os.setsid()  # so that processes of a method end with this one, and only the run receives Ctrl-C
        end_with_parent()
        if os.getppid() != above:
            os._exit(code)  # it ended before the kernel was asked
        adopt_orphans()  # so that what a method leaves behind is known to be its own
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGCHLD,))
        for stream in (1, 2):
            os.dup2(printed, stream)
        _close_all_but(0, 1, 2, connection)
        serve(Connection(connection))
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        with contextlib.suppress(OSError):  # the run reads the last line that was printed
            os.write(2, traceback.format_exc().encode(errors="backslashreplace"))
    finally:
        os._exit(code & 0xFF)


def _close_all_but(*kept: int) -> None:
    """Closes what belongs to the template and to other workers: a method may write into every file."""
    for low, high in zip(sorted(kept), [*sorted(kept)[1:], MOST_FILES], strict=True):
        os.closerange(low + 1, high)


def main() -> None:
    """Loads, then starts workers."""
    bound_native_caches()
    parent = Parent()
    adopt_orphans()
    with loading():
        load()
    _Template(socket.socket(fileno=int(parent.arguments[0]))).answer()


if __name__ == "__main__":
    main()
