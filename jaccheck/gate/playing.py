"""One side of the gate, in the environment of that side: plays sequences of calls, and tells what came of each."""

from __future__ import annotations

from collections.abc import Iterator

from jaccheck.core import Parent
from jaccheck.gate.uses import DRAWN, PlayAsk, Played, PlayMessage
from jaccheck.methods import calm_torch
from jaccheck.reports import SequenceFinding
from jaccheck.sequences import Player

STEPS = 40


def _names(asked: PlayAsk, player: Player) -> Iterator[str]:
    yield from player.directed
    for first in range(0, asked.drawn, DRAWN):
        yield f"drawn: {first + 1} to {first + DRAWN} of seed {asked.seed}"


def _played(name: str, asked: PlayAsk, player: Player) -> Played:
    if name in player.directed:
        met, wrong, found = player.play(name)
        return Played(name=name, met=met, wrong=wrong, finding=_first(found))
    first = int(name.split()[1])
    # What is known is not compared here: where one side goes another way, the next steps are others, too.
    return Played(name=name, finding=_first(player.draw(asked.seed, first, DRAWN, STEPS)))


def _first(found: tuple[SequenceFinding, ...]) -> SequenceFinding | None:
    return found[0] if found else None


def serve(parent: Parent) -> None:
    """Answers until there are no more questions."""
    for asked in parent.asks(PlayAsk):
        player = Player()
        for name in _names(asked, player):
            if name not in asked.done:
                parent.say(PlayMessage(starts=name))
                parent.say(PlayMessage(played=_played(name, asked, player)))
        parent.say(PlayMessage(is_last=True))


if __name__ == "__main__":
    with calm_torch():
        serve(Parent())
