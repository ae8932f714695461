"""A node of a cluster: what runs inside a Dask worker, and passes what is asked on to processes of jaccheck's own.

Arguments and results are text, so that Dask's pickles hold only strings, and functions of jaccheck's by their names.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import cache

from jaccheck.core import Child, ChildEnded, from_json, to_json
from jaccheck.errors import BrokenEnvironment, JaccheckError
from jaccheck.runs.cluster.messages import Node, Question, Reply, WorkerConfig, source_digest

_MINE = threading.local()


class WorkerLost(Exception):
    """The process that judged has ended before it replied: the address of its Dask worker, and how it ended."""


class CannotJudge(Exception):
    """What was asked cannot be judged here, whatever is asked: the address of the Dask worker, and why."""


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


def attend(function: Callable[..., str], *arguments: str) -> tuple[str, str]:
    """The address of this Dask worker, and what a function of this module returns for these arguments.

    Raises WorkerLost and CannotJudge, which say where.
    """
    from distributed import get_worker

    where = str(get_worker().address)
    try:
        return where, function(*arguments)
    except ChildEnded as ended:
        raise WorkerLost(where, str(ended)) from None
    except JaccheckError as error:
        raise CannotJudge(where, " ".join(str(error).split())) from None


def describe() -> str:
    """This node, as JSON."""
    return to_json(worker().node)


def answer(config: str, question: str, client: str) -> str:
    """The reply to a question; `client` is the node that asks, which must have the same versions. All JSON.

    Raises BrokenEnvironment where the versions differ, or where a method or device is unknown here.
    """
    mine = worker(config)
    _check(mine.node, client)
    reply = mine.ask(config, question)
    if reply.trouble:
        mine.close()
        raise BrokenEnvironment(reply.trouble)
    return to_json(reply)


def part(function: Callable[[str], str], request: str, client: str) -> str:
    """What a function of jaccheck's, which starts processes of its own, answers to a request. All JSON."""
    _check(replace(_node(), source=source_digest()), client)
    known: WorkerProcess | None = getattr(_MINE, "worker", None)
    if known is not None:  # the processes of the function need its memory
        known.close()
    return function(request)


@cache
def _node() -> Node:
    """This node, whose packages are as they were when it was first asked."""
    return worker().node


def _check(mine: Node, client: str) -> None:
    if differences := list(from_json(Node, client, where="client").differences(mine)):
        raise BrokenEnvironment("; ".join(differences))
