"""Where a member of a cluster judges: a process of its own, `python -m jaccheck.runs.cluster.worker`.

It says who it is, is told its duty, then answers one `Question` a line with one `Reply`. Methods run in a process below
it, as with `--workers`, so whatever they do is a verdict. What the libraries print goes to standard error.
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
from jaccheck.runs.cluster.messages import Duty, Member, Question, Reply, source_digest
from jaccheck.runs.plan import Shard
from jaccheck.runs.reference import REFERENCE
from jaccheck.runs.workers.isolated import Pool
from jaccheck.selftest import choose_with_mutants


def here() -> Member:
    """What judges in this process."""
    return Member(environment=describe_environment(available_devices()), source=source_digest())


class Station:
    """Answers questions until there are no more."""

    def __init__(self, questions: IO[str], channel: IO[str]) -> None:
        self._questions = questions
        self._channel = channel

    def serve(self) -> None:
        """Says who it is, and waits for its duty."""
        self._say(to_json(here()))
        line = self._questions.readline()
        if not line:
            return
        duty = from_json(Duty, line, where="duty")
        try:
            methods = {method.name: method for method in (*choose_with_mutants(duty.assignment.methods), REFERENCE)}
            with (
                TemporaryDirectory(prefix="jaccheck-") as folder,
                Pool(1, duty.assignment, duty.limits, Path(folder)) as pool,
            ):
                for result in pool.results(self._shards(pool, methods)):
                    self._say(to_json(Reply(result=result)))
        except JaccheckError as error:
            self._say(to_json(Reply(trouble=" ".join(str(error).split()))))

    def _shards(self, pool: Pool, methods: dict[str, Method]) -> Iterator[Shard]:
        """The shards that are asked about; what else is asked is answered on the way."""
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
    """Standard output for answers alone; what anything else prints there goes to standard error."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    with channel:
        yield channel


if __name__ == "__main__":
    bound_native_caches()
    sys.path.append(os.getcwd())  # for methods of the user's own; last, so that nothing is shadowed
    with _own_channel() as channel:
        Station(sys.stdin, channel).serve()
