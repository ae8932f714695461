"""`SideProcess`: the process of one side, asked case by case; whatever it does, the gate goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from jaccheck.core import Child, ChildEnded
from jaccheck.errors import BrokenEnvironment
from jaccheck.gate.bits import Bits
from jaccheck.gate.environments import Prepared
from jaccheck.gate.protocol import Answer, Array, Ask, Crash, Hello, Message

START_SECONDS = 120.0
CASE_SECONDS = 60.0
"""For one method on one case; the largest boundary case takes a second."""


class SideProcess:
    """A running side, started anew after a crash."""

    def __init__(self, prepared: Prepared, scratch: Path, device: str | None = None) -> None:
        self.prepared = prepared
        self._device = device
        self._scratch = scratch
        self._child: Child | None = None
        self._is_closed = False
        self.hello = self._start()[1]
        _prove(prepared, self.hello)

    def _start(self) -> tuple[Child, Hello]:
        errors = self._scratch.with_suffix(".log").open("w+b")
        self._child = child = Child(
            "jaccheck.gate.worker",
            str(self._scratch),
            *sorted(self.prepared.side.names),
            python=self.prepared.python,
            environment=self.prepared.variables(),
            errors=errors,
        )
        child.allow(START_SECONDS)
        try:
            return child, child.receive(Hello)
        except ChildEnded as ended:
            raise BrokenEnvironment(f"{self.prepared.side}: jaccheck does not start there: {ended}") from None

    def ask(self, ask: Ask) -> Answer | Crash:
        """The answer, or how the process ended on the way to it; on the device of this side, if it has its own."""
        ask = replace(ask, device=self._device or ask.device)
        if self._is_closed:
            raise BrokenEnvironment(f"{self.prepared.side}: is closed")
        child = self._child
        if child is None or not child.is_running:
            child, _ = self._start()
        method = ""
        try:
            child.send(ask)
            while True:
                child.allow(CASE_SECONDS)
                message = child.receive(Message)
                if message.answer is not None:
                    if not message.answer.fits(ask):
                        raise self._nonsense("its answer is not of the methods that were asked for")
                    return message.answer
                if message.starts not in ask.methods:
                    raise self._nonsense(f"it says that it starts {message.starts!r:.80}, for which nobody asked")
                method = message.starts
        except ChildEnded as ended:
            return Crash(method=method, end=ended.end)

    def bits(self, array: Array) -> Bits:
        """The bytes of a tensor of the last answer. Raises BrokenEnvironment where they are not there."""
        if array.offset + array.nbytes > self._scratch.stat().st_size:
            raise self._nonsense(f"it has not written the tensor {array.name!r:.80} that it tells of")
        return np.fromfile(self._scratch, dtype=np.uint8, count=array.nbytes, offset=array.offset)

    def _nonsense(self, what: str) -> BrokenEnvironment:
        return BrokenEnvironment(f"{self.prepared.side}: {what}")

    def close(self) -> None:
        """Ends the process for good."""
        self._is_closed = True
        self.stop()

    def stop(self) -> None:
        """Ends the process, whatever it is doing; the next question starts it anew."""
        child, self._child = self._child, None
        if child is not None:
            child.close()


def _prove(prepared: Prepared, hello: Hello) -> None:
    """Raises BrokenEnvironment unless the side imported exactly what it was asked to, and can compute with it."""
    again = f"remove {' and '.join(map(str, prepared.directories))} to have it built again"
    for part in prepared.side.parts:
        found = hello.versions.get(part.name)
        if part.requirement and (found is None or not part.specifier.contains(found, prereleases=True)):
            raise BrokenEnvironment(f"{prepared.side}: {part.name} is {found or 'not installed'} there; {again}")
        home = hello.files.get(part.name.removesuffix("-for-pytorch"))
        if home and not any(Path(home).resolve().is_relative_to(d.resolve()) for d in prepared.directories):
            raise BrokenEnvironment(f"{prepared.side}: {part.name} comes from {home}; {again}")
    if hello.trouble:
        raise BrokenEnvironment(f"{prepared.side}: torch and numpy do not work together there: {hello.trouble}")
