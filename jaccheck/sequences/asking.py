"""`drive`: a run over sequences in a worker process, whose end is a finding."""

from __future__ import annotations

import time
from collections.abc import Callable

from jaccheck.core import Allowed, ChildEnded, Count, Worker, plain_data
from jaccheck.errors import BrokenEnvironment
from jaccheck.reports import (
    SURVIVAL,
    Environment,
    SequenceFinding,
    SequenceReport,
    SequenceSettings,
    outcome_of,
)

SECONDS = 180.0
"""For one sequence, which takes less than one; and for the law of growth, which takes some."""


@plain_data
class SequenceNote:
    """What was done when a sequence began, and at first what it is done with."""

    examples: Count = 0
    steps: Count = 0
    compared: Count = 0
    undecided: Count = 0
    passes: Count = 0
    environment: Environment | None = None


def drive(asked: SequenceSettings, show: Callable[[SequenceNote], None]) -> SequenceReport:
    """The report of a run; Ctrl-C ends it early. Raises BrokenEnvironment where it cannot begin."""
    began = time.perf_counter()
    note, environment = SequenceNote(), None

    def hear(heard: SequenceNote) -> None:
        nonlocal note, environment
        note, environment = heard, environment or heard.environment
        show(note)

    with Worker("jaccheck.sequences.answering:answer") as worker:
        try:
            allowed = Allowed(seconds=SECONDS)
            return worker.ask(asked, SequenceReport, allowed, note=SequenceNote, hear=hear, finishes=True)
        except ChildEnded as error:
            if environment is None:
                raise BrokenEnvironment(f"no sequence can be run: {error}") from None
            where = f"in sequence {note.examples}" if note.examples else "before the first sequence"
            finding = SequenceFinding(kind=SURVIVAL, message=f"{outcome_of(error.end)}: {error}, {where}", script="")
            return SequenceReport(
                settings=asked,
                environment=environment,
                examples=note.examples,
                steps=note.steps,
                compared=note.compared,
                undecided=note.undecided,
                passes=note.passes,
                refused={},
                known=(),
                findings=(finding,),
                seconds=time.perf_counter() - began,
            )
