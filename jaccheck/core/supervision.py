"""`supervised`: a command in a fork of a process that loads nothing else and gives the exit code that it is told.

A package that ends the process while it is imported, with exit code 0 or by a signal, ends the fork. Exit code 0 is
given only where the command came to its end and said so. Linux only; not under a debugger, which follows one process.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from jaccheck.core.fork_guard import end_stray, end_with_parent
from jaccheck.core.interrupts import INTERRUPTED

ENDED_INSIDE = 2
"""The exit code where the command did not come to its end: the environment is broken."""

ENDING_SECONDS = 10
"""For the interpreter to end, once the exit code is said."""

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
_PASSED_ON = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))
_FROM_THE_KERNEL = 0x80
"""SI_KERNEL: a terminal sends its signals to the whole group of processes, the fork included; but for SIGHUP.

When it is closed, only the leader of its session is told.
"""


def supervised(command: Callable[[], NoReturn]) -> NoReturn:
    """Runs a command, which ends in SystemExit, and ends this process with its exit code."""
    if sys.platform != "linux" or not hasattr(os, "fork") or _is_traced():
        command()
    open_standard_streams()
    heard, said = os.pipe()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {*_PASSED_ON, signal.SIGCHLD})
    pid = os.fork()
    if not pid:
        end_with_parent()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(heard)
        _run(command, said)
    os.close(said)
    os.set_blocking(heard, False)  # what a package has forked may hold its other end
    _end_as(_end_of(pid), heard)


def open_standard_streams() -> None:
    """Those that are closed lead nowhere now: else the pipe would take their numbers, and be written to as they are."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)


def _run(command: Callable[[], NoReturn], said: int) -> NoReturn:
    """Says the exit code of the command, and ends with it."""
    pid = os.getpid()
    try:
        command()
    except SystemExit as end:
        end_stray(pid)
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        os.write(said, b"%d\n" % code)
        # Handlers of atexit may hang, and threads may have no end.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(ENDING_SECONDS)
        raise


def _end_of(pid: int) -> int:
    """The status with which it ended; signals that only this process was sent are passed on to it."""
    while True:
        info = signal.sigwaitinfo({*_PASSED_ON, signal.SIGCHLD})
        if info.si_signo != signal.SIGCHLD:
            if info.si_code != _FROM_THE_KERNEL or info.si_signo == signal.SIGHUP:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, info.si_signo)
            continue
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return status


def _end_as(status: int, heard: int) -> NoReturn:
    """Ends this process as the command said, or as it was ended from outside; else with one line."""
    code = os.waitstatus_to_exitcode(status)
    with contextlib.suppress(BlockingIOError, ValueError):
        os._exit(int(os.read(heard, 16)))
    if code == INTERRUPTED:  # it loaded still, and has said so in words
        os._exit(code)
    if -code in _PASSED_ON:
        signal.signal(-code, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {-code})
        os.kill(os.getpid(), -code)
    names = {-number: f"by {number.name}" for number in signal.Signals}
    how = names.get(code, f"with exit code {code}")
    line = f"jaccheck: ended {how} before the answer was complete: by a package that was loaded, or by the system\n"
    with contextlib.suppress(OSError):
        os.write(2, line.encode())
    os._exit(ENDED_INSIDE)


def _is_traced() -> bool:
    monitoring = getattr(sys, "monitoring", None)  # from Python 3.12 on
    return sys.gettrace() is not None or bool(monitoring and monitoring.get_tool(monitoring.DEBUGGER_ID))
