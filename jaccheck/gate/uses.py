"""Sequences of calls on both sides: what is said with a side's process, and what changed between the two."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from jaccheck.core import Child, ChildEnded, Count, plain_data
from jaccheck.gate.environments import Prepared
from jaccheck.gate.process import CASE_SECONDS, START_SECONDS
from jaccheck.reports import SURVIVAL, Change, GateUse, Kind, SequenceFinding, outcome_of

DRAWN = 10
"""Sequences that are drawn together, and are one row."""

SELDOM = ("reused-extension",)
"""Known issues that depend on addresses: where they show says nothing."""


@plain_data
class PlayAsk:
    """Play the directed sequences, then so many drawn ones; those named in `done` were played before."""

    seed: Count
    drawn: Count
    done: tuple[str, ...] = ()


@plain_data
class Played:
    """What came of a sequence on a side: known issues whose condition was met, and were seen; what is not known."""

    name: str
    met: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    finding: SequenceFinding | None = None

    @property
    def shown(self) -> frozenset[str]:
        """The known issues that were seen, those left out of which that says nothing."""
        return frozenset(self.wrong) - set(SELDOM)

    def __str__(self) -> str:
        if self.finding:
            return f"{self.finding.kind}: {self.finding.message}"
        return f"known: {', '.join(sorted(self.shown))}" if self.shown else "right"


@plain_data
class PlayedSide:
    """What came of every sequence on a side."""

    plays: tuple[Played, ...]


@plain_data
class PlayMessage:
    """One line of a side: which sequence is next, what came of one, or that there are no more."""

    starts: str = ""
    played: Played | None = None
    is_last: bool = False


def played_on(prepared: Prepared, log: Path, seed: int, drawn: int) -> tuple[Played, ...]:
    """What came of every sequence on a side; one that ends the process is named, and the others go on in a new one."""
    found: list[Played] = []
    while True:
        errors = log.open("w+b")
        child = Child("jaccheck.gate.playing", python=prepared.python, environment=prepared.variables(), errors=errors)
        name = ""
        try:
            child.send(PlayAsk(seed=seed, drawn=drawn, done=tuple(each.name for each in found)))
            while True:
                child.allow(CASE_SECONDS if name else START_SECONDS)
                message = child.receive(PlayMessage)
                if message.is_last:
                    return tuple(found)
                if message.played:
                    found.append(message.played)
                name = message.starts
        except ChildEnded as ended:
            said = f"{outcome_of(ended.end)}: {ended}"
            finding = SequenceFinding(kind=SURVIVAL, message=said, script="")
            found.append(Played(name=name or "start", finding=finding))
            if not name:
                return tuple(found)
        finally:
            child.close()


def rows_of(base: tuple[Played, ...], candidate: tuple[Played, ...]) -> tuple[GateUse, ...]:
    """A row for each sequence that was played on either side."""
    was, now = ({each.name: each for each in side} for side in (base, candidate))
    return tuple(
        GateUse(
            name=name,
            base=str(was.get(name, "not played")),
            candidate=str(now.get(name, "not played")),
            kind=kind_of(was[name], now[name]) if name in was and name in now else None,
        )
        for name in {**was, **now}
    )


def kind_of(base: Played, candidate: Played) -> Kind | None:
    """How a sequence changed; None where both are right, or wrong in the same ways.

    What a candidate mends is fixed, also where it shows another issue whose condition the base met, which stood behind.
    """
    if base.finding or candidate.finding:
        if candidate.finding is None:
            return Kind.FIXED
        if base.finding is None:
            return Kind.BROKEN
        return None if base.finding == candidate.finding else Kind.OTHERWISE_WRONG
    mended, shown = base.shown - candidate.shown, candidate.shown - base.shown
    if not shown:
        return Kind.FIXED if mended else None
    if not mended:
        return Kind.BROKEN
    return Kind.FIXED if shown <= set(base.met) else Kind.OTHERWISE_WRONG


def changes_of_uses(rows: tuple[GateUse, ...], candidate: tuple[Played, ...]) -> Iterator[Change]:
    """One change for all sequences that changed in the same way, told by the first of them."""
    scripts = {each.name: each.finding.script for each in candidate if each.finding}
    alike: dict[tuple[Kind, str, str], list[GateUse]] = {}
    for row in rows:
        if row.kind:
            alike.setdefault((row.kind, row.base, row.candidate), []).append(row)
    for (kind, base, now), found in alike.items():
        first = found[0].name
        yield Change(
            id=hashlib.sha256(f"{kind} {first} {base} {now}".encode()).hexdigest()[:10],
            kind=kind,
            method="sequences",
            device="cpu",
            base=f"{base} ({first})",
            candidate=f"{now} ({first})",
            seen=len(found),
            script=scripts.get(first, ""),
        )
