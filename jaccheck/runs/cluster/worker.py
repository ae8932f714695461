"""The process in which a node of a cluster judges: `python -m jaccheck.runs.cluster.worker`.

It writes its `Node`, reads its `WorkerConfig`, then answers each `Question` with one `Reply`, one line of JSON each.
Methods run in a child process, as with `--workers`, so a crash is a verdict. What libraries print goes to stderr.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from jaccheck.core import bound_native_caches, from_json, to_json
from jaccheck.errors import JaccheckError
from jaccheck.methods import Method, available_devices, choose_devices, describe_environment
from jaccheck.runs.cluster.messages import Node, Question, Reply, WorkerConfig, source_digest
from jaccheck.runs.plan import Shard
from jaccheck.runs.reference import REFERENCE
from jaccheck.runs.workers.isolated import Pool
from jaccheck.selftest import choose_with_mutants


def here() -> Node:
    """The versions and devices of this process."""
    return Node(environment=describe_environment(available_devices()), source=source_digest())


class Worker:
    """Answers questions until there are no more."""

    def __init__(self, questions: IO[str], channel: IO[str]) -> None:
        self._questions = questions
        self._channel = channel

    def serve(self) -> None:
        """Writes its `Node`, reads its config, then answers."""
        self._say(to_json(here()))
        line = self._questions.readline()
        if not line:
            return
        config = from_json(WorkerConfig, line, where="worker config")
        try:
            methods = {method.name: method for method in (*choose_with_mutants(config.assignment.methods), REFERENCE)}
            with (
                TemporaryDirectory(prefix="jaccheck-") as folder,
                Pool(1, config.assignment, config.limits, Path(folder)) as pool,
            ):
                for result in pool.results(self._shards(pool, methods)):
                    self._say(to_json(Reply(result=result)))
        except JaccheckError as error:
            self._say(to_json(Reply(trouble=" ".join(str(error).split()))))

    def _shards(self, pool: Pool, methods: dict[str, Method]) -> Iterator[Shard]:
        """The shards among the questions; every other question is answered at once."""
        for line in self._questions:
            question = from_json(Question, line, where="question")
            match question.ask:
                case Shard() as shard:
                    choose_devices([shard.device])
                    yield shard
                case ask:
                    breach = pool.probe(ask, methods[ask.fault.method], is_trial=question.is_trial)
                    self._say(to_json(Reply(breach=breach)))

    def _say(self, line: str) -> None:
        self._channel.write(line + "\n")
        self._channel.flush()


@contextmanager
def _own_channel() -> Iterator[IO[str]]:
    """Standard output for replies alone; anything else that prints there goes to standard error."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    with channel:
        yield channel


if __name__ == "__main__":
    bound_native_caches()
    sys.path.append(os.getcwd())  # for methods of the user's own; last, so that nothing is shadowed
    with _own_channel() as channel:
        Worker(sys.stdin, channel).serve()
