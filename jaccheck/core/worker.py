"""`Worker`: a process in which a command runs what is not jaccheck's own: methods, models and the libraries below them.

Whatever they do there is data here: an answer that came whole, or how the process ended. So a command says that all is
well only when it was told so.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import IO, Any, TypeVar

from jaccheck import errors
from jaccheck.core.child import Child, ChildEnded
from jaccheck.core.files import scratch_file
from jaccheck.core.interrupts import raise_at_ctrl_c
from jaccheck.core.plain import from_json, plain_data
from jaccheck.errors import JaccheckError

N = TypeVar("N")
A = TypeVar("A")

LOADING_SECONDS = 120.0
"""For torch and the user's own modules, which may be compiled when they are imported for the first time."""

LAST_SECONDS = 5.0
"""For an answer about what was done, after Ctrl-C."""

OUTPUT_BYTES = 2**26
"""The most that may be printed between two notes."""

PASSED_BYTES = 2**16
"""The most of it that is passed on with one answer."""


@plain_data
class Said:
    """What a worker says: a note on the way, its answer, or why there is none; one of them, as JSON or text."""

    note: str = ""
    answer: str = ""
    complaint: str = ""
    """What is wrong with what was asked, in one line, and the name of the error."""
    kind: str = ""
    fault: str = ""
    """The traceback of an error in jaccheck itself."""


class InternalFault(Exception):
    """An error in jaccheck itself, in a worker process; its traceback there was printed."""


@plain_data
class Allowed:
    """What a worker may take from one note to the next: seconds of its own clock, bytes beyond what it has."""

    seconds: float = 60.0
    memory: int = 2**32


class Worker:
    """A process that answers for a function of jaccheck's, named as `module:function`; started when it is first asked.

    What is printed there is kept from standard output. The last line is told where the process ends; where the worker
    `passes_on`, all of it goes to standard error with each answer.
    """

    def __init__(self, place: str, *, passes_on: bool = False, environment: Mapping[str, str] | None = None) -> None:
        self._place, self._passes_on, self._environment = place, passes_on, environment
        self._child: Child | None = None
        self._printed: IO[bytes] | None = None
        self._passed = 0

    def __enter__(self) -> Worker:
        """Itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Ends the process."""
        self.close()

    def ask(
        self,
        request: Any,
        kind: type[A],
        allowed: Allowed,
        *,
        note: type[N],
        hear: Callable[[N], Allowed | None],
        finishes: bool = False,
    ) -> A:
        """The answer to a request; every note on the way is heard, and limits, perhaps others, hold until the next.

        Raises ChildEnded where the process ended or had to be ended, the JaccheckError that it complains of,
        InternalFault, and KeyboardInterrupt; where it `finishes`, it may still answer what was done by then, once it
        has told a note: before that it loads, and nothing is done.
        """
        has_begun = False

        def listen(said: N) -> Allowed | None:
            nonlocal has_begun
            has_begun = True
            return hear(said)

        raise_at_ctrl_c()
        is_new = self._child is None
        child = self._child = self._child or self._start()
        try:
            self._allow(replace(allowed, seconds=allowed.seconds + LOADING_SECONDS) if is_new else allowed)
            child.send(request)
            try:
                return self._answer(child, kind, allowed, note, listen)
            except KeyboardInterrupt:
                if not (finishes and has_begun):
                    raise
                with contextlib.suppress(ChildEnded, ProcessLookupError):
                    os.kill(child.pid, signal.SIGINT)
                    allowed = replace(allowed, seconds=LAST_SECONDS)
                    self._allow(allowed)
                    return self._answer(child, kind, allowed, note, lambda said: allowed)
                raise
        except BaseException as error:
            if not isinstance(error, JaccheckError):
                self.close()
            raise
        finally:
            self._pass_on()

    def close(self) -> None:
        """Ends the process."""
        if self._child is not None:
            self._child.close()
            self._child = None
        if self._printed is not None:
            self._pass_on()
            self._printed.close()
            self._printed = None

    def _start(self) -> Child:
        self._printed, self._passed = scratch_file(), 0
        errors = os.fdopen(os.dup(self._printed.fileno()), "wb")
        return Child("jaccheck.core.serving", self._place, environment=self._environment, errors=errors)

    def _allow(self, allowed: Allowed) -> None:
        if self._child is not None:
            self._child.allow(allowed.seconds)
            self._child.limit(memory=allowed.memory, output=OUTPUT_BYTES)

    def _pass_on(self) -> None:
        """What was printed since the last answer; the place in the file is shared with the process, and not moved."""
        if self._printed is None or not self._passes_on:
            return
        size = os.fstat(self._printed.fileno()).st_size
        said = os.pread(self._printed.fileno(), min(size - self._passed, PASSED_BYTES), self._passed)
        self._passed = size
        text = said.decode(errors="replace")
        sys.stderr.write(text if text.endswith("\n") or not text else f"{text}\n")

    def _answer(
        self, child: Child, kind: type[A], allowed: Allowed, note: type[N], hear: Callable[[N], Allowed | None]
    ) -> A:
        while True:
            said = child.receive(Said)
            if said.answer:
                return from_json(kind, said.answer, where="answer of a worker")
            if said.complaint:
                raise _error_called(said.kind)(said.complaint)
            if said.fault:
                sys.stderr.write(said.fault)
                raise InternalFault("in a worker process; its traceback stands above")
            self._allow(hear(from_json(note, said.note, where="note of a worker")) or allowed)


def _error_called(name: str) -> type[JaccheckError]:
    found = getattr(errors, name, None)
    return found if isinstance(found, type) and issubclass(found, JaccheckError) else JaccheckError
