"""What follows the last case: each change on its smallest case, memory, speed; step by step, none done twice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Protocol

from jaccheck.case import Case, shrink
from jaccheck.core import plain_data, to_json
from jaccheck.gate.changes import told
from jaccheck.gate.comparison import ChangeKey, Comparison, Example, changes_of
from jaccheck.gate.costs import SHAPES, memory_changes, speed, speed_changes
from jaccheck.gate.journal import Journal
from jaccheck.gate.pairing import Pairing
from jaccheck.reports import Change, GateSettings, Speed


@plain_data
class Step:
    """A piece of work by its name, and what it found."""

    name: str
    changes: tuple[Change, ...] = ()
    speed: Speed | None = None


class Listener(Protocol):
    """Is told how it goes."""

    def on_step(self, name: str, done: int, total: int) -> None:
        """A step begins."""

    def on_change(self, change: Change) -> None:
        """A change has been found, on its smallest case."""


@dataclass(frozen=True, slots=True)
class Conclusions:
    """The steps that follow from a comparison."""

    comparison: Comparison
    sides: Pairing
    settings: GateSettings
    shrink_seconds: float

    def steps(self, journal: Journal[Step], listener: Listener) -> Iterator[Step]:
        """Every step, in order; those that an earlier run wrote into the journal are not done again."""
        known = {step.name: step for step in journal.entries}
        work = list(self._work())
        for number, (name, do) in enumerate(work):
            step = known.get(name)
            if step is None:
                listener.on_step(name, number, len(work))
                step = do(name)
                journal.write(step)
            for change in step.changes:
                listener.on_change(change)
            yield step

    def _work(self) -> Iterator[tuple[str, Callable[[str], Step]]]:
        for change_key, example in self.comparison.examples.items():
            yield str(change_key), partial(self._verdict, change_key, example)
        measured = list(product(self.settings.devices, SHAPES, self.settings.methods))
        for device, shape, method in measured:
            yield f"memory: {method} on {device}, {shape}", partial(self._memory, device, shape, method)
        if self.settings.fail_slower is not None:
            for device, shape, method in measured:
                work = partial(self._speed, device, shape, method, self.settings.fail_slower)
                yield f"speed: {method} on {device}, {shape}", work

    def _memory(self, device: str, shape: str, method: str, name: str) -> Step:
        return Step(name=name, changes=memory_changes(self.sides, shape, method, device))

    def _speed(self, device: str, shape: str, method: str, margin: float, name: str) -> Step:
        found = speed(self.sides, shape, method, device, margin)
        return Step(name=name, changes=speed_changes(found) if found else (), speed=found)

    def _verdict(self, change_key: ChangeKey, example: Example, name: str) -> Step:
        """The change on the smallest case found, with a script that shows it where a side is wrong."""
        methods = (change_key.method,)

        def still_differs(case: Case) -> bool:
            pairs = self.sides.compare(case, methods, change_key.device)
            return any(change_key in changes_of(pair, change_key.device) for pair in pairs)

        case = shrink(example.case, still_differs, seconds=self.shrink_seconds)
        pair = next(iter(self.sides.compare(case, methods, change_key.device)), example.pair)
        if pair.base is None or pair.candidate is None:  # seen before, and not once more
            pair = example.pair
        assert pair.base is not None
        assert pair.candidate is not None
        change = Change(
            id=hashlib.sha256(f"{change_key} {to_json(case)}".encode()).hexdigest()[:10],
            kind=change_key.kind,
            method=change_key.method,
            device=change_key.device,
            base=told(change_key.kind, pair.base, pair.candidate),
            candidate=told(change_key.kind, pair.candidate, pair.base),
            seen=example.seen,
            case=case,
            script=pair.candidate.script or pair.base.script,
        )
        return Step(name=name, changes=(change,))
