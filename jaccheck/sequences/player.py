"""`Player`: sequences one by one, with what came of each apart from the others."""

from __future__ import annotations

from jaccheck.reports import SequenceFinding
from jaccheck.sequences.directed.every import every_directed
from jaccheck.sequences.run import ROUND, machine_of, run_directed, run_round
from jaccheck.sequences.sequence import Tally

Told = tuple[tuple[str, ...], tuple[str, ...], tuple[SequenceFinding, ...]]


class Player:
    """Plays directed sequences by their names, and drawn ones by a seed."""

    def __init__(self) -> None:
        self._directed = {each.name: each for each in every_directed(machine_of(Tally()))}

    @property
    def directed(self) -> tuple[str, ...]:
        """The names of the directed sequences, in order."""
        return tuple(self._directed)

    def play(self, name: str) -> Told:
        """The known issues that a directed sequence met, those it saw, and what it found.

        What is seen when all is dropped in the end, which is the same for each, is left out.
        """
        tally, ended = Tally(), Tally()

        def keep() -> None:
            ended.met, ended.wrong = tally.met.copy(), tally.wrong.copy()

        found = run_directed(machine_of(tally), self._directed[name], on_end=keep)
        return tuple(sorted(ended.met)), tuple(sorted(+ended.wrong)), found

    def draw(self, seed: int, first: int, examples: int, steps: int) -> tuple[SequenceFinding, ...]:
        """What some drawn sequences found."""
        return run_round(machine_of(Tally()), seed * 2**20 + ROUND * first, examples, steps)
