"""What runs inside a Dask worker: it hands shards to stations, one for each of its threads.

Text goes in and comes out, so that Dask's pickles hold nothing but strings.
"""

from __future__ import annotations

import atexit
import subprocess
import sys
import threading

from jaccheck.core import from_json, to_json
from jaccheck.errors import BrokenEnvironment
from jaccheck.runs.cluster.messages import Member, Reply

_MINE = threading.local()


class StationLost(Exception):
    """The process of a station has ended before it answered; the message says how."""


class StationProcess:
    """A station at its member's end; started at once."""

    def __init__(self) -> None:
        # No log of its own: what it prints stands in the log of the worker.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-W", "ignore", "-m", "jaccheck.runs.cluster.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C is for the worker
        )
        atexit.register(self.close)
        self.member = from_json(Member, self._line(), where="station")
        self.duty = ""

    @property
    def is_running(self) -> bool:
        """Whether its process has not ended."""
        return self._process.poll() is None

    def ask(self, duty: str, question: str) -> str:
        """The reply to a question under this duty, which is the same for all. All JSON. Raises StationLost."""
        if not self.duty:
            self._say(duty)
            self.duty = duty
        self._say(question)
        return self._line()

    def close(self) -> None:
        """Ends its process."""
        atexit.unregister(self.close)
        self._process.kill()
        self._process.communicate()

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise StationLost(self._end()) from None

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.endswith("\n"):
            raise StationLost(self._end())
        return line

    def _end(self) -> str:
        self.close()
        return f"the process that judges ended with {self._process.returncode}"


def station(duty: str = "") -> StationProcess:
    """That of this thread; another one where it has ended, or has another duty."""
    known: StationProcess | None = getattr(_MINE, "station", None)
    if known is not None and (not known.is_running or (duty and known.duty not in ("", duty))):
        known.close()
        known = None
    _MINE.station = known or StationProcess()
    found: StationProcess = _MINE.station
    return found


def describe() -> str:
    """Who judges here, as JSON."""
    return to_json(station().member)


def answer(duty: str, question: str, client: str) -> str:
    """The reply to a question; `client` is who asks, who must have the same versions. All JSON.

    Raises BrokenEnvironment where that is not so, or where a method or device is not known here.
    """
    mine = station(duty)
    if differences := list(from_json(Member, client, where="client").differences(mine.member)):
        raise BrokenEnvironment("; ".join(differences))
    reply = mine.ask(duty, question)
    if trouble := from_json(Reply, reply, where="station").trouble:
        mine.close()
        raise BrokenEnvironment(trouble)
    return reply
