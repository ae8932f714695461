"""`Parent`: the process that started this one as its `Child`: what it asks, and the way to answer it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any, TypeVar

from jaccheck.core.fork_guard import end_stray
from jaccheck.core.measured import keep_measured
from jaccheck.core.plain import from_json, to_json

T = TypeVar("T")


class Parent:
    """The other end of the two pipes that are named by the first arguments of this process."""

    def __init__(self) -> None:
        asked, answer, _, *self.arguments = sys.argv[1:]  # the third is for boot.py
        for pipe in (asked, answer):
            os.set_inheritable(int(pipe), False)
        self._pid = os.getpid()
        self._asked, self._answers = open(int(asked), "rb"), open(int(answer), "wb")  # noqa: SIM115

    def asks(self, kind: type[T]) -> Iterator[T]:
        """Its messages, which are of that type, until it closes the pipe."""
        while line := self._asked.readline():
            yield from_json(kind, line, where="question")

    def say(self, value: Any) -> None:
        """Sends plain data. A fork of this process, that foreign code made and that came back from it, ends instead."""
        end_stray(self._pid)
        keep_measured()
        self._answers.write(to_json(value).encode() + b"\n")
        self._answers.flush()
