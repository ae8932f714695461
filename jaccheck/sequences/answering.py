"""A run over sequences, or a part of one, in the process that may end of it."""

from __future__ import annotations

from collections.abc import Callable

from jaccheck.methods import choose_methods, describe_environment
from jaccheck.reports import SequenceReport, SequenceSettings
from jaccheck.sequences.asking import SequenceNote, SequencePart
from jaccheck.sequences.directed.every import every_directed
from jaccheck.sequences.run import OnSequence, machine_of, play, play_part
from jaccheck.sequences.sequence import Tally

Tell = Callable[[SequenceNote], None]


def answer(request: SequenceSettings, tell: Tell) -> SequenceReport:
    """The report of the run."""
    of = None if request.examples is None else len(every_directed(machine_of(Tally()))) + request.examples
    return play(request, on_sequence=_telling(tell, of))


def answer_part(request: SequencePart, tell: Tell) -> SequenceReport:
    """The report of a part of a run."""
    return play_part(request, on_sequence=_telling(tell))


def _telling(tell: Tell, of: int | None = None) -> OnSequence:
    """Tells of each sequence when it begins, of how many there are, and of the environment at once."""
    choose_methods(("batch_grad_loop",))  # raises where BackPACK cannot run
    tell(SequenceNote(environment=describe_environment({"cpu": "cpu"})))

    def begin(tally: Tally) -> None:
        tell(
            SequenceNote(
                examples=tally.failed_after or tally.examples,
                of=of,
                steps=tally.steps.total() - tally.steps["check_all"],
                compared=tally.compared,
                undecided=tally.undecided,
                passes=tally.steps["perform"],
            )
        )

    return begin
