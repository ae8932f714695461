"""A worker process: it answers questions, and writes down what it begins before it begins it.

It is forked from a process that has loaded torch and run nothing, so a new one is there at once. What the methods
print goes to a pipe that the other end empties; what the worker says goes through a connection of its own.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator
from multiprocessing.connection import Connection

from jaccheck.case import Case, profile
from jaccheck.core import end_with_parent, from_json, to_json
from jaccheck.methods import calm_torch, load_built_in
from jaccheck.runs.findings import failure_of
from jaccheck.runs.judging import judge_cases
from jaccheck.runs.reference import REFERENCE
from jaccheck.runs.results import Try
from jaccheck.runs.workers.protocol import Answer, Assignment, Begun, Judge, Question
from jaccheck.selftest import choose_with_mutants

LOADED_LATE = ("torch._dynamo", "torch.func", "torch.nn.utils._expanded_weights")
"""Modules that torch loads at the first call of some functions; loaded before the fork they cost two seconds once."""

MOST_FILES = 4096
"""More than a process that has just been forked has open."""


def load() -> None:
    """Loads what judging needs, in the process that workers are forked from. It runs nothing and starts no thread."""
    load_built_in()
    for name in LOADED_LATE:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def serve(connection: Connection, output: Connection, journal: str, assignment: str) -> None:
    """Answers questions until there are no more."""
    os.setsid()  # so that processes of a method end with this one, and only the run receives Ctrl-C
    end_with_parent()
    for stream in (1, 2):
        os.dup2(output.fileno(), stream)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
    _close_all_but(0, 1, 2, connection.fileno())
    worker = _Worker(from_json(Assignment, assignment, where="assignment"), connection, journal)
    connection.send_bytes(b"ready")
    with contextlib.suppress(EOFError):
        while True:
            question = from_json(Question, connection.recv_bytes(), where="question")
            for answer in worker.answers(question.ask):
                connection.send_bytes(to_json(answer).encode())


class _Worker:
    """The state of a worker."""

    def __init__(self, assignment: Assignment, connection: Connection, journal: str) -> None:
        self._profile = profile(assignment.profile)
        self._methods = {method.name: method for method in choose_with_mutants(assignment.methods)}
        self._connection = connection
        self._identity = os.fstat(connection.fileno()).st_ino
        self._journal = journal

    def answers(self, ask: Judge | Try) -> Iterator[Answer]:
        """An answer for each case of a shard and a last one; or one on a failure."""
        self._write(b"\n")
        match ask:
            case Judge(shard=shard):
                methods = [method for name, method in self._methods.items() if name not in ask.given_up]
                left_out = ask.left_out
                for sums in judge_cases(
                    shard, methods, self._profile, start=ask.start, left_out=left_out, announce=self._announce
                ):
                    yield Answer(sums=sums)
                yield Answer(is_last=True)
            case Try(group=group):
                method = {**self._methods, REFERENCE.name: REFERENCE}[group.method]
                with calm_torch():
                    failure = failure_of(ask, method, announce=self._announce)
                yield Answer(failure=failure, is_last=True)

    def _announce(self, case: Case, index: int, method: str) -> None:
        """Writes down what runs next; the parent reads it when this process has ended.

        The method before is still the one that is written down if it has closed the connection.
        """
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


def _close_all_but(*kept: int) -> None:
    """Closes what the fork server left open: a method that writes into every file would end the fork server, too."""
    for low, high in zip(sorted(kept), [*sorted(kept)[1:], MOST_FILES], strict=True):
        os.closerange(low + 1, high)
