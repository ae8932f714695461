"""`SideProcess`: the process of one side, asked case by case; whatever it does, the gate goes on."""

from __future__ import annotations

import queue
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np

from jaccheck.core import OwnClock, from_json, to_json
from jaccheck.errors import BrokenEnvironment
from jaccheck.gate.bits import Bits
from jaccheck.gate.environments import Prepared
from jaccheck.gate.protocol import Answer, Array, Ask, Crash, Hello

START_SECONDS = 120.0
CASE_SECONDS = 60.0
"""For one case with all its methods; the largest boundary case takes a second."""


class SideProcess:
    """A running side, started anew after a crash."""

    def __init__(self, prepared: Prepared, scratch: Path) -> None:
        self.prepared = prepared
        self._scratch = scratch
        self._process: subprocess.Popen[str] | None = None
        self._is_closed = False
        self._lines: queue.Queue[str] = queue.Queue()
        self.hello = self._start()
        _prove(prepared, self.hello)

    def _start(self) -> Hello:
        names = sorted(self.prepared.side.names)
        command = [self.prepared.python, "-P", "-W", "ignore", "-m", "jaccheck.gate.worker", str(self._scratch), *names]
        log = self._scratch.with_suffix(".log").open("w")
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            encoding="utf-8",
            env=self.prepared.variables(),
            start_new_session=True,  # Ctrl-C ends the gate, which ends it then; on its own it would look like a crash
        )
        self._lines = queue.Queue()
        threading.Thread(target=_forward, args=(self._process, self._lines), daemon=True).start()
        line = self._next(START_SECONDS)
        if not line.startswith("{"):
            said = self._scratch.with_suffix(".log").read_text(errors="replace").strip().splitlines() or [line]
            raise BrokenEnvironment(f"{self.prepared.side}: jaccheck does not start there: {said[-1]}")
        return from_json(Hello, line, where=str(self.prepared.side))

    def _next(self, seconds: float) -> str:
        """What the process says next, or that it has said nothing for so many seconds of its own clock."""
        assert self._process is not None
        clock = OwnClock(self._process.pid)
        until = clock.seconds() + seconds
        while (left := until - clock.seconds()) > 0:
            with suppress(queue.Empty):
                return self._lines.get(timeout=left)
        return f"no answer within {seconds:.0f} s"

    def ask(self, ask: Ask) -> Answer | Crash:
        """The answer, or how the process ended on the way to it."""
        self._send(ask)
        return self._receive()

    def _send(self, ask: Ask) -> None:
        if self._is_closed:
            raise BrokenEnvironment(f"{self.prepared.side}: is closed")
        if self._process is None or self._process.poll() is not None:
            self._start()
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(to_json(ask) + "\n")
        self._process.stdin.flush()

    def _receive(self) -> Answer | Crash:
        method = ""
        while True:
            line = self._next(CASE_SECONDS)
            if line.startswith("{"):
                return from_json(Answer, line, where=str(self.prepared.side))
            if line.startswith('"'):
                method = line.strip().strip('"')
                continue
            self.stop()
            return Crash(method=method, reason=line.strip())

    def bits(self, array: Array) -> Bits:
        """The bytes of a tensor of the last answer."""
        return np.fromfile(self._scratch, dtype=np.uint8, count=array.nbytes, offset=array.offset)

    def close(self) -> None:
        """Ends the process for good."""
        self._is_closed = True
        self.stop()

    def stop(self) -> None:
        """Ends the process, whatever it is doing; the next question starts it anew."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()


def _forward(process: subprocess.Popen[str], lines: queue.Queue[str]) -> None:
    """Puts every line that a process says into a queue, and in the end how it ended."""
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)
    code = process.wait()
    lines.put(f"the process was ended by signal {-code}" if code < 0 else f"the process ended with code {code}")


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
