"""How long a sequence may take, in the process that may hang."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jaccheck.core import Allowed, ChildEnded, End, How
from jaccheck.errors import BrokenEnvironment
from jaccheck.gate import uses
from jaccheck.gate.process import CASE_SECONDS, START_SECONDS
from jaccheck.gate.uses import PlayMessage, played_on
from jaccheck.reports import SequenceSettings
from jaccheck.sequences import asking

ENDED = ChildEnded(End(how=How.TIME, seconds=1.0))


def test_a_sequence_may_take_what_a_case_may(monkeypatch: pytest.MonkeyPatch) -> None:
    """A BackPACK that hangs is told as soon in `sequences` as a method that hangs in `replay` or a gate."""
    given: list[Allowed] = []

    class Hangs:
        def __init__(self, place: str) -> None: ...
        def __enter__(self) -> Hangs:
            return self

        def __exit__(self, *error: object) -> None: ...
        def ask(self, request: object, kind: object, allowed: Allowed, **others: object) -> None:
            given.append(allowed)
            raise ENDED

    monkeypatch.setattr(asking, "Worker", Hangs)
    asked = SequenceSettings(profile="quick", examples=1, steps=1, seconds=None, seed=1)
    with pytest.raises(BrokenEnvironment):
        asking.drive(asked, lambda note: None)
    assert given == [Allowed()]
    assert given[0].seconds == CASE_SECONDS


def test_a_sequence_of_a_gate_may_take_what_its_cases_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The start has the time that torch needs to load, and no sequence has that."""
    given: list[float] = []
    messages = iter([PlayMessage(starts="one")])

    class Hangs:
        def __init__(self, *place: object, errors: Any, **options: object) -> None:
            self.close = errors.close

        def send(self, value: object) -> None: ...
        def allow(self, seconds: float) -> None:
            given.append(seconds)

        def receive(self, kind: object) -> PlayMessage:
            for each in messages:
                return each
            raise ENDED

    monkeypatch.setattr(uses, "Child", Hangs)
    prepared = SimpleNamespace(python="python", variables=dict)
    played = played_on(prepared, tmp_path / "log", 1, 1)  # type: ignore[arg-type]
    assert [each.name for each in played] == ["one", "start"]
    assert given[:2] == [START_SECONDS, CASE_SECONDS]
