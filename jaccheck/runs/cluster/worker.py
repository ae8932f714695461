"""The process in which a node of a cluster judges.

It sends its `Node`, receives its `WorkerConfig`, then answers each `Question` with one `Reply`. Methods run in a child
process of its own, as with `--workers`, so a crash is a verdict.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from jaccheck.core import Parent, bound_native_caches
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


def serve(parent: Parent) -> None:
    """Sends its `Node`, receives its config, then answers questions until there are no more."""
    parent.say(here())
    if config := next(parent.asks(WorkerConfig), None):
        try:
            methods = {method.name: method for method in (*choose_with_mutants(config.assignment.methods), REFERENCE)}
            with (
                TemporaryDirectory(prefix="jaccheck-") as folder,
                Pool(1, config.assignment, config.limits, Path(folder)) as pool,
            ):
                for result in pool.results(_shards(parent, pool, methods)):
                    parent.say(Reply(result=result))
        except JaccheckError as error:
            parent.say(Reply(trouble=" ".join(str(error).split())))


def _shards(parent: Parent, pool: Pool, methods: dict[str, Method]) -> Iterator[Shard]:
    """The shards among the questions; every other question is answered at once."""
    for question in parent.asks(Question):
        match question.ask:
            case Shard() as shard:
                choose_devices([shard.device])
                yield shard
            case ask:
                failure = pool.probe(ask, methods[ask.group.method], is_trial=question.is_trial)
                parent.say(Reply(failure=failure))


if __name__ == "__main__":
    bound_native_caches()
    serve(Parent())
