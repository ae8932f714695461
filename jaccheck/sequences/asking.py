"""`drive`: a run over sequences in a worker process, whose end is a finding."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum

from jaccheck.core import Allowed, ChildEnded, Count, Worker, from_json, plain_data, to_json
from jaccheck.errors import BrokenEnvironment
from jaccheck.reports import (
    SURVIVAL,
    Environment,
    SequenceFinding,
    SequenceReport,
    SequenceSettings,
    outcome_of,
)

ALLOWED = Allowed()
"""What a case of any other command may take, a minute: a sequence takes a second of a core at most, the law of growth
four, a sequence of 300 steps five.
"""


class Stage(StrEnum):
    """The stages of a run, in their order."""

    DIRECTED = "directed"
    DRAWS = "draws"
    ROUNDS = "rounds"
    GROWTH = "growth"


@plain_data
class SequencePart:
    """A stage of a run, or its directed sequences or rounds of index `start` to `stop`."""

    settings: SequenceSettings
    what: Stage
    start: Count = 0
    stop: Count | None = None


@plain_data
class SequenceNote:
    """What was done when a sequence began, and at first what it is done with."""

    examples: Count = 0
    of: Count | None = None
    """How many there will be if nothing is found, the directed ones among them; None where time ends the run.

    Hypothesis begins some more, which come to nothing.
    """
    steps: Count = 0
    compared: Count = 0
    undecided: Count = 0
    passes: Count = 0
    environment: Environment | None = None


Show = Callable[[SequenceNote], None]


def drive(asked: SequenceSettings, show: Show) -> SequenceReport:
    """The report of a run; Ctrl-C ends it early. Raises BrokenEnvironment where it cannot begin."""
    return _driven("jaccheck.sequences.answering:answer", asked, asked, show)


def answer_part(text: str) -> str:
    """The report of a part of a run; both ways JSON. Raises ChildEnded, which only a second process makes a finding."""
    with Worker(PART) as worker:
        part = from_json(SequencePart, text, where="request")
        return to_json(worker.ask(part, SequenceReport, ALLOWED, note=SequenceNote, hear=lambda note: None))


def answer_again(text: str) -> str:
    """The same for a part that has ended other processes: the end of this one is a finding."""
    part = from_json(SequencePart, text, where="request")
    return to_json(_driven(PART, part, part.settings, lambda note: None))


PART = "jaccheck.sequences.answering:answer_part"


def _driven(place: str, request: object, asked: SequenceSettings, show: Show) -> SequenceReport:
    """What a worker answers, or the report on its end."""
    began = time.perf_counter()
    note, environment = SequenceNote(), None

    def hear(heard: SequenceNote) -> None:
        nonlocal note, environment
        note, environment = heard, environment or heard.environment
        show(note)

    with Worker(place) as worker:
        try:
            return worker.ask(request, SequenceReport, ALLOWED, note=SequenceNote, hear=hear, finishes=True)
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
