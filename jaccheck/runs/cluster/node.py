"""A node of a cluster: what runs inside a Dask worker, and passes shards to worker processes, one for each thread.

Arguments and results are text, so that Dask's pickles hold only strings.
"""

from __future__ import annotations

import threading

from jaccheck.core import Child, ChildEnded, from_json, to_json
from jaccheck.errors import BrokenEnvironment
from jaccheck.runs.cluster.messages import Node, Question, Reply, WorkerConfig

_MINE = threading.local()


class WorkerLost(Exception):
    """A worker process ended before it replied; the message says how, and goes through Dask's pickles."""


class WorkerProcess:
    """A worker process, as its node sees it; started at once."""

    def __init__(self) -> None:
        # No log of its own: what it prints goes to the log of the Dask worker.
        self._child = Child("jaccheck.runs.cluster.worker")
        self.node = self._child.receive(Node)
        self.config = ""

    @property
    def is_running(self) -> bool:
        """Whether its process has not ended."""
        return self._child.is_running

    def ask(self, config: str, question: str) -> Reply:
        """The reply to a question; every question has the same config. Both are JSON. Raises ChildEnded."""
        if not self.config:
            self._child.send(from_json(WorkerConfig, config, where="worker config"))
            self.config = config
        self._child.send(from_json(Question, question, where="question"))
        return self._child.receive(Reply)

    def close(self) -> None:
        """Ends its process."""
        self._child.close()


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
    try:
        reply = mine.ask(config, question)
    except ChildEnded as ended:
        raise WorkerLost(str(ended)) from None
    if reply.trouble:
        mine.close()
        raise BrokenEnvironment(reply.trouble)
    return to_json(reply)
