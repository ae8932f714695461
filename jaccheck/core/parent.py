"""`Parent`: the process that started this one as its `Child`: what it asks, and the way to answer it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any, TypeVar

from jaccheck.core.plain import from_json, to_json

T = TypeVar("T")

_PR_SET_PDEATHSIG = 1


class Parent:
    """The other end of the two pipes that are named by the first arguments of this process."""

    def __init__(self) -> None:
        asked, answer, pid, *self.arguments = sys.argv[1:]
        end_with_parent()
        if os.getppid() != int(pid):  # it ended before the kernel was asked
            sys.exit(1)
        for pipe in (asked, answer):
            os.set_inheritable(int(pipe), False)
        self._asked, self._answers = open(int(asked), "rb"), open(int(answer), "wb")  # noqa: SIM115

    def asks(self, kind: type[T]) -> Iterator[T]:
        """Its messages, which are of that type, until it closes the pipe."""
        while line := self._asked.readline():
            yield from_json(kind, line, where="question")

    def say(self, value: Any) -> None:
        """Sends plain data."""
        self._answers.write(to_json(value).encode() + b"\n")
        self._answers.flush()


def end_with_parent() -> None:
    """On Linux the kernel ends this process when the one that it was forked from ends, whatever it is doing then."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
