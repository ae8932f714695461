"""A worker process: it answers questions, and writes down what it begins before it begins it.

It is forked from a process that has loaded torch and run nothing, so a new one is there at once. What the methods
print goes to a pipe that the other end empties; what the worker says goes through a connection of its own. It is what
a script is to the methods: no daemon, with an empty standard input, and nothing of `multiprocessing` in use.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection

from jaccheck.case import Case, profile
from jaccheck.core import end_stray, from_json, keep_measured, only_here, standard_library_first, to_json
from jaccheck.methods import calm_torch
from jaccheck.runs.findings import failure_of
from jaccheck.runs.judging import judge_cases
from jaccheck.runs.reference import REFERENCE
from jaccheck.runs.results import Earlier, Try
from jaccheck.runs.workers.protocol import Answer, Begun, Judge, Question, Start
from jaccheck.selftest import choose_with_mutants

READY = b"ready"

LATE_SECONDS = 0.5
"""For what an earlier method has set going, and comes late, to come before the one that is asked about."""


def serve(connection: Connection) -> None:
    """Answers questions until there are no more, or until this process is fit for no other."""
    start = from_json(Start, connection.recv_bytes(), where="start of a worker")
    sys.path[:] = standard_library_first(list(start.path))
    with contextlib.suppress(OSError):  # it may be gone
        os.chdir(start.folder)
    sys.stdin, sys.stdout, sys.stderr = open(0, closefd=False), _writing(1), _writing(2)  # noqa: SIM115
    with only_here():
        worker = _Worker(start, connection)
    connection.send_bytes(READY)
    with contextlib.suppress(EOFError):
        while True:
            question = from_json(Question, connection.recv_bytes(), where="question")
            for answer in worker.answers(question.ask):
                end_stray(worker.pid)
                keep_measured()
                connection.send_bytes(to_json(answer).encode())
                if answer.is_spoilt:
                    return


def _writing(stream: int):  # type: ignore[no-untyped-def]
    """What is printed there, whatever characters it has."""
    return open(stream, "w", closefd=False, errors="backslashreplace")


class _Worker:
    """The state of a worker."""

    def __init__(self, start: Start, connection: Connection) -> None:
        self.pid = os.getpid()
        self._profile = profile(start.assignment.profile)
        self._methods = {method.name: method for method in choose_with_mutants(start.assignment.methods)}
        self._connection = connection
        self._identity = os.fstat(connection.fileno()).st_ino
        self._journal = start.journal

    def answers(self, ask: Judge | Try) -> Iterator[Answer]:
        """An answer for each case of a shard and a last one; or one on a failure."""
        self._write(b"\n")
        match ask:
            case Judge():
                yield from self._judged(ask)
            case Try(group=group):
                method = {**self._methods, REFERENCE.name: REFERENCE}[group.method]
                with calm_torch():
                    if ask.earlier:
                        self._relive(ask.earlier, group.method)
                        self._announce(ask.case, 0, group.method)
                        time.sleep(LATE_SECONDS)
                    failure = failure_of(ask, method, announce=self._announce)
                yield Answer(pid=self.pid, failure=failure, is_last=True)

    def _judged(self, ask: Judge) -> Iterator[Answer]:
        methods = [method for name, method in self._methods.items() if name not in ask.given_up]
        cases = judge_cases(
            *(ask.shard, methods, self._profile),
            start=ask.start,
            left_out=ask.left_out,
            announce=self._announce,
            is_replaced=True,
            closely=ask.closely,
        )
        for result in cases:
            if result.is_spoilt:
                yield Answer(pid=self.pid, sums=result.sums, is_spoilt=True, done=result.done, is_last=True)
                return
            yield Answer(pid=self.pid, sums=result.sums)
        yield Answer(pid=self.pid, is_last=True)

    def _relive(self, earlier: Earlier, method: str) -> None:
        """Judges what was judged in this order before, up to the method on the last of these cases."""
        all_of_them = [each for name, each in self._methods.items() if name in earlier.methods]
        for methods, first, last in (
            (all_of_them, 0, earlier.until),
            ([each for each in all_of_them if each.name != method], earlier.until, earlier.until + 1),
        ):
            cases = judge_cases(
                earlier.shard, methods, self._profile, start=first, announce=self._announce, closely=True
            )
            for _ in zip(range(first, last), cases, strict=False):
                pass

    def _announce(self, case: Case, index: int, method: str) -> None:
        """Writes down what runs next; the parent reads it when this process has ended.

        The method before is still the one that is written down if it has closed the connection.
        """
        end_stray(self.pid)
        faulthandler.cancel_dump_traceback_later()  # a watch that the method before has set would end another one
        if os.fstat(self._connection.fileno()).st_ino != self._identity:
            raise OSError("the connection to the run was closed")
        self._write(to_json(Begun(case=case, index=index, method=method)).encode() + b"\n")

    def _write(self, line: bytes) -> None:
        """Opened again each time, so that a method that damages open files does not damage this one."""
        file = os.open(self._journal, os.O_WRONLY)
        try:
            os.pwrite(file, line, 0)
        finally:
            os.close(file)
