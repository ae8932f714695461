"""A run over sequences, in the process that may end of it."""

from __future__ import annotations

from collections.abc import Callable

from jaccheck.methods import choose_methods, describe_environment
from jaccheck.reports import SequenceReport, SequenceSettings
from jaccheck.sequences.asking import SequenceNote
from jaccheck.sequences.run import play
from jaccheck.sequences.sequence import Tally


def answer(request: SequenceSettings, tell: Callable[[SequenceNote], None]) -> SequenceReport:
    """The report of the run."""
    choose_methods(("batch_grad_loop",))  # raises where BackPACK cannot run
    tell(SequenceNote(environment=describe_environment({"cpu": "cpu"})))

    def begin(tally: Tally) -> None:
        tell(
            SequenceNote(
                examples=tally.failed_after or tally.examples,
                steps=tally.steps.total() - tally.steps["check_all"],
                compared=tally.compared,
                undecided=tally.undecided,
                passes=tally.steps["perform"],
            )
        )

    return play(request, on_sequence=begin)
