"""`Directed`: rules of the state machine in a written order, and how they are run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jaccheck.sequences.broken import Broken
from jaccheck.sequences.machine import SequenceMachine


@dataclass(frozen=True, slots=True)
class Step:
    """A rule of the state machine by its name, with what Hypothesis would draw for it."""

    rule: str
    drawn: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Directed:
    """Some steps under a name that says what they are for."""

    name: str
    steps: tuple[Step, ...]


def play_directed(
    machine: type[SequenceMachine], steps: tuple[Step, ...], on_end: Callable[[], None] = lambda: None
) -> None:
    """Runs the steps on a new machine, which looks at everything after each. Raises Broken.

    `on_end` is called before everything is dropped.
    """
    live = machine()
    try:
        for step in steps:
            getattr(live, step.rule)(**step.drawn)
            live.everything_is_as_it_must_be()
        on_end()
    finally:
        live.teardown()


def shortest(machine: type[SequenceMachine], steps: tuple[Step, ...], broken: Broken) -> Broken:
    """What breaks in the same way with every step left out that can be, but for the first, which makes the network."""
    left = list(steps)
    for step in steps[1:]:
        fewer = [each for each in left if each is not step]
        try:
            play_directed(machine, tuple(fewer))
        except Broken as again:
            if again.kind == broken.kind:
                left, broken = fewer, again
    return broken
