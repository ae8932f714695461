"""`compare`: both sides on the same cases, one after the other, then each change on its smallest case."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

import jaccheck
from jaccheck.case import FAMILIES, Case, Profile
from jaccheck.core import commit_of, unknown
from jaccheck.errors import InvalidRequest, UnknownName
from jaccheck.gate import concluding
from jaccheck.gate.comparison import Comparison, Entry
from jaccheck.gate.concluding import Conclusions, Step
from jaccheck.gate.environments import Prepared
from jaccheck.gate.installing import checked_out
from jaccheck.gate.journal import Journal
from jaccheck.gate.matrix import cases_of_rows, cells_changed
from jaccheck.gate.pairing import Pairing
from jaccheck.gate.process import SideProcess
from jaccheck.gate.protocol import Ask, Hello
from jaccheck.gate.sides import BACKPACK, Part
from jaccheck.gate.uses import Played, PlayedSide, changes_of_uses, played_on, rows_of
from jaccheck.reports import (
    CaseFile,
    CellChange,
    Change,
    GateReport,
    GateSettings,
    GateUse,
    Settings,
    SideRecord,
    load,
    save,
)
from jaccheck.runs import shards


class Listener(concluding.Listener, Protocol):
    """Is told how a gate goes."""

    def on_case(self, case: Case, done: int, total: int, changes: int) -> None:
        """A case has been compared."""

    def on_uses(self) -> None:
        """Sequences of calls are played on both sides."""


def compare_sides(
    settings: GateSettings,
    profile: Profile,
    base: Prepared,
    candidate: Prepared,
    *,
    folder: Path,
    listener: Listener,
    stored: Iterable[Case] = (),
) -> GateReport:
    """The report on two prepared sides. What is done is kept in `folder`, and not done again for the same question."""
    started = time.perf_counter()
    cases = tuple(stored)
    home = folder / _question(settings, base, candidate, cases)
    home.mkdir(parents=True, exist_ok=True)
    comparison, resumed, interrupted = Comparison(), 0, False
    cells: list[CellChange] = []
    steps: list[Step] = []
    rows: tuple[GateUse, ...] = ()
    others: tuple[Change, ...] = ()
    with ExitStack() as stack:
        stack.enter_context(_alone(home))
        sides = _started(stack, (base, candidate), settings.side_devices or (None, None), home)
        settings = _completed(settings, sides)
        jobs = _jobs(settings, profile, home, cases)

        def ask(number: int) -> Ask:
            case, device = jobs[number]
            again = number // len(settings.devices) % (max(1, profile.repeat_every // 2)) == 0
            return Ask(case=case, methods=settings.methods, device=device, is_called_again=again)

        def count(entry: Entry) -> None:
            case, _ = jobs[entry.number]
            comparison.add(case, entry)
            cells.extend(cells_changed(case, entry))

        try:
            with Journal(Entry, home / "journal.jsonl") as journal:
                for entry in journal.entries:
                    count(entry)
                resumed = len(journal.entries)
                left = range(resumed, len(jobs))
                for number, pairs in zip(left, sides.stream(map(ask, left)), strict=True):
                    case, device = jobs[number]
                    entry = Entry(number=number, device=device, pairs=pairs)
                    journal.write(entry)
                    count(entry)
                    listener.on_case(case, number + 1, len(jobs), len(comparison.examples))
            if settings.sequences is not None:
                listener.on_uses()
                was, now = _played(settings, base, candidate, home)
                rows = rows_of(was, now)
                others = tuple(changes_of_uses(rows, now))
                for change in others:
                    listener.on_change(change)
            with Journal(Step, home / "steps.jsonl") as concluded:
                conclusions = Conclusions(comparison, sides, settings, profile.shrink_seconds)
                for step in conclusions.steps(concluded, listener):
                    steps.append(step)  # one by one: an interruption keeps those before it
        except KeyboardInterrupt:
            interrupted = True
    return GateReport(
        settings=settings,
        base=_record(base, sides.base, settings.methods),
        candidate=_record(candidate, sides.candidate, settings.methods),
        cases=comparison.cases,
        resumed=resumed,
        cells=comparison.cells(),
        changes=tuple(sorted((*others, *(change for step in steps for change in step.changes)), key=_urgency)),
        matrix=tuple(cells),
        uses=rows,
        speeds=tuple(step.speed for step in steps if step.speed),
        interrupted=interrupted,
        seconds=time.perf_counter() - started,
    )


def _played(
    settings: GateSettings, base: Prepared, candidate: Prepared, home: Path
) -> tuple[tuple[Played, ...], tuple[Played, ...]]:
    """What came of every sequence on both sides, which play at the same time; what was played before is kept."""
    assert settings.sequences is not None

    def play(name: str, side: Prepared) -> tuple[Played, ...]:
        with Journal(PlayedSide, home / f"{name}-uses.jsonl") as journal:
            if journal.entries:
                return journal.entries[0].plays
            plays = played_on(side, home / f"{name}-uses.log", settings.seed, settings.sequences or 0)
            journal.write(PlayedSide(plays=plays))
            return plays

    with ThreadPoolExecutor(2) as pool:
        was, now = pool.submit(play, "base", base), pool.submit(play, "candidate", candidate)
        return was.result(), now.result()


def _urgency(change: Change) -> tuple[bool, str, str]:
    return (not change.kind.is_regression, change.kind, change.method)


def _completed(settings: GateSettings, sides: Pairing) -> GateSettings:
    """The settings with every method and device that is to be compared. Raises UnknownName."""
    hellos = sides.base.hello, sides.candidate.hello
    known = {name: None for hello in hellos for name in hello.methods}
    touched = sides.base.prepared.side.names | sides.candidate.prepared.side.names
    for name in settings.methods:
        if name not in known:
            raise unknown("method", name, known)
    # Where only BackPACK differs, no other method can change.
    about = [name for name in known if any(hello.packages.get(name) in touched for hello in hellos)]
    devices = _on_both(settings, hellos)
    every = tuple(about if touched == {BACKPACK} and settings.side_devices is None else known)
    return replace(settings, methods=settings.methods or every, devices=devices)


def _on_both(settings: GateSettings, hellos: tuple[Hello, Hello]) -> tuple[str, ...]:
    """The devices that are asked for, and are there: the same on both sides, or one name for the two of them."""
    if settings.side_devices is not None:
        for device, hello, side in zip(settings.side_devices, hellos, ("base", "candidate"), strict=True):
            if device not in hello.devices:
                raise UnknownName(f"device {device!r} is not there in the {side}, which has {', '.join(hello.devices)}")
        return (" → ".join(settings.side_devices),)
    there = tuple(device for device in hellos[0].devices if device in hellos[1].devices)
    for device in settings.devices:
        if device not in there:
            raise UnknownName(f"device {device!r} is not there on both sides; they have {', '.join(there)}")
    return settings.devices or there


def _started(
    stack: ExitStack, sides: tuple[Prepared, Prepared], devices: tuple[str, str] | tuple[None, None], home: Path
) -> Pairing:
    """Both sides, started at the same time and stopped with the stack."""
    with ThreadPoolExecutor() as pool:
        files = home / "base.bin", home / "candidate.bin"
        was, now = (pool.submit(SideProcess, *side) for side in zip(sides, files, devices, strict=True))
    pairing = Pairing(was.result(), now.result())
    stack.callback(pairing.stop)
    return pairing


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Keeps a second gate with the same question out."""
    try:
        with FileLock(home / "lock", timeout=0):
            yield
    except Timeout:
        raise InvalidRequest(f"{home}: another gate compares the same two sides just now; wait for it") from None


def _question(settings: GateSettings, base: Prepared, candidate: Prepared, stored: tuple[Case, ...]) -> str:
    """Names everything that the answer depends on: settings, stored cases, both environments, jaccheck itself."""
    digest = hashlib.sha256(f"{settings!r} {stored!r} {base.key} {candidate.key}".encode())
    for file in sorted(Path(jaccheck.__file__).parent.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _jobs(settings: GateSettings, profile: Profile, home: Path, stored: tuple[Case, ...]) -> list[tuple[Case, str]]:
    """Every case on every device; drawn only once."""
    file = home / "cases.json"
    if not file.exists():
        drawing = home / "cases.drawing.json"
        save(CaseFile(cases=tuple(_ordered(settings, profile, stored))), drawing)
        drawing.rename(file)
    return [(case, device) for case in load(CaseFile, file).cases for device in settings.devices]


def _ordered(settings: GateSettings, profile: Profile, stored: tuple[Case, ...]) -> Iterator[Case]:
    """Stored cases first, then rows of the support matrix, then boundary cases of each family, then random ones."""
    yield from stored
    if settings.families == FAMILIES:
        yield from cases_of_rows(settings.dtypes)
    plan = Settings(
        profile=profile.name,
        seed=settings.seed,
        max_examples=None,
        time=None,
        methods=settings.methods,
        devices=settings.devices[:1],  # each case once; `_jobs` takes it to every device
        dtypes=settings.dtypes,
        families=settings.families,
    )
    for shard in shards(profile, plan):
        yield from shard.cases()


def _checked_out(part: Part) -> str:
    commit = commit_of(checked_out(part)) if part.name == BACKPACK else ""
    return f"as checked out{f' at {commit}' if commit else ''}"


def _record(prepared: Prepared, process: SideProcess, methods: tuple[str, ...]) -> SideRecord:
    hello = process.hello
    # The metadata that are found are those of the release in the environment around it.
    checkouts = {part.name: _checked_out(part) for part in prepared.side.parts if Path(part.path or "-").is_dir()}
    return SideRecord(
        asked=str(prepared.side),
        python=prepared.python,
        versions={**hello.versions, **checkouts},
        files=hello.files,
        missing={name: reason for name in methods if (reason := hello.methods.get(name))},
        command=prepared.command("script.py"),
    )
