"""A node of a cluster: what runs inside a Dask worker, and passes shards to worker processes, one for each thread.

Arguments and results are text, so that Dask's pickles hold only strings.
"""

from __future__ import annotations

import atexit
import subprocess
import sys
import threading

from jaccheck.core import from_json, to_json
from jaccheck.errors import BrokenEnvironment
from jaccheck.runs.cluster.messages import Node, Reply

_MINE = threading.local()


class WorkerLost(Exception):
    """A worker process ended before it replied; the message says how."""


class WorkerProcess:
    """A worker process, as its node sees it; started at once."""

    def __init__(self) -> None:
        # No log of its own: what it prints goes to the log of the Dask worker.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-W", "ignore", "-m", "jaccheck.runs.cluster.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C is for the Dask worker
        )
        atexit.register(self.close)
        self.node = from_json(Node, self._line(), where="worker")
        self.config = ""

    @property
    def is_running(self) -> bool:
        """Whether its process has not ended."""
        return self._process.poll() is None

    def ask(self, config: str, question: str) -> str:
        """The reply to a question; every question has the same config. All JSON. Raises WorkerLost."""
        if not self.config:
            self._say(config)
            self.config = config
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
            raise WorkerLost(self._end()) from None

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.endswith("\n"):
            raise WorkerLost(self._end())
        return line

    def _end(self) -> str:
        self.close()
        return f"the process that judges ended with {self._process.returncode}"


def worker(config: str = "") -> WorkerProcess:
    """The worker process of this thread; a new one where the old one has ended or has another config."""
    known: WorkerProcess | None = getattr(_MINE, "worker", None)
    if known is not None and (not known.is_running or (config and known.config not in ("", config))):
        known.close()
        known = None
    _MINE.worker = known or WorkerProcess()
    found: WorkerProcess = _MINE.worker
    return found


def describe() -> str:
    """This node, as JSON."""
    return to_json(worker().node)


def answer(config: str, question: str, client: str) -> str:
    """The reply to a question; `client` is the node that asks, which must have the same versions. All JSON.

    Raises BrokenEnvironment where the versions differ, or where a method or device is unknown here.
    """
    mine = worker(config)
    if differences := list(from_json(Node, client, where="client").differences(mine.node)):
        raise BrokenEnvironment("; ".join(differences))
    reply = mine.ask(config, question)
    if trouble := from_json(Reply, reply, where="worker").trouble:
        mine.close()
        raise BrokenEnvironment(trouble)
    return reply
