"""A worker process: answers each `Task` with a `Message` for everything that becomes known.

PYTEST_DONT_REWRITE. One such process has glibc's memory as it comes, another one keeps it (`jobs.KEPT_MEMORY`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import torch

from jaccheck.bench.examination import examined
from jaccheck.bench.jobs import Message, Task
from jaccheck.bench.memory import peak_bytes
from jaccheck.bench.racing import raced
from jaccheck.bench.shapes import make
from jaccheck.bench.timing import Call, still_process, time_once
from jaccheck.core import Parent
from jaccheck.errors import JaccheckError
from jaccheck.methods import Problem, copy_of
from jaccheck.selftest import find_with_mutants


def main() -> None:
    """Answers tasks until there are no more."""
    parent = Parent()
    for task in parent.asks(Task):
        for message in answer(task):
            parent.say(message)


def answer(task: Task) -> Iterator[Message]:
    """Everything there is to say to a task, as it becomes known."""
    try:
        problem = make(task.shape, task.dtype, task.device)
    except JaccheckError as error:
        yield Message(complaint=str(error), is_last=True)
        return
    with still_process(task.threads):
        if task.kind == "start":
            yield from start(task, problem)
        elif task.kind == "examine":
            yield from examined(task, problem)
        else:
            yield from raced(task, problem)
    yield Message(is_last=True)


def start(task: Task, problem: Problem) -> Iterator[Message]:
    """Lets every method load what it loads at its first call, so that no limit on time comes in between."""
    torch.ones(256, 256) @ torch.ones(256, 256)
    peak_bytes(lambda: torch.ones(1), task.device)
    for name in task.methods:
        method = find_with_mutants(name)
        call = Call(name, method.compute, lambda: copy_of(problem))
        with suppress(Exception):
            if not method.compiles and not method.refuses(problem):
                time_once(call)
                yield Message(starts=name, quick_s=time_once(call).wall_s)


if __name__ == "__main__":
    main()
