"""`compare`: both sides on the same cases, one after the other, then each change on its smallest case."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

import jaccheck
from jaccheck.case import Case
from jaccheck.case.reductions import shrink
from jaccheck.errors import InvalidRequest, UnknownName
from jaccheck.files import CaseFile, load_cases, save_cases
from jaccheck.gate.changes import Change, told
from jaccheck.gate.costs import memory_changes, speed_changes
from jaccheck.gate.environments import Prepared
from jaccheck.gate.journal import Journal
from jaccheck.gate.ledger import Entry, Ledger, Suspect, Suspicion, suspicions
from jaccheck.gate.pairing import Pairing
from jaccheck.gate.process import SideProcess
from jaccheck.gate.report import GateReport, GateSettings, SideRecord
from jaccheck.gate.sides import BACKPACK
from jaccheck.names import unknown
from jaccheck.plain import to_json
from jaccheck.profiles import Profile
from jaccheck.report import Settings
from jaccheck.runner.plan import shards


class Listener(Protocol):
    """Is told how a gate goes."""

    def on_case(self, case: Case, done: int, total: int, changes: int) -> None:
        """A case has been compared."""

    def on_change(self, change: Change) -> None:
        """A change has been shrunk to its smallest case."""


def compare(
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
    home = folder / _question(settings, base, candidate)
    home.mkdir(parents=True, exist_ok=True)
    ledger, changes, resumed, interrupted = Ledger(), [], 0, False
    with ExitStack() as stack:
        stack.enter_context(_alone(home))
        sides = Pairing(_started(stack, base, home / "base.bin"), _started(stack, candidate, home / "candidate.bin"))
        settings = _completed(settings, sides)
        jobs = _jobs(settings, profile, home, tuple(stored))
        try:
            with Journal(home / "ledger.jsonl") as journal:
                for entry in journal.entries:
                    ledger.add(jobs[entry.number][0], entry)
                resumed = len(journal.entries)
                for number, (case, device) in enumerate(jobs[resumed:], start=resumed):
                    pairs = sides.compare(case, settings.methods, device)
                    entry = Entry(number=number, device=device, pairs=pairs)
                    journal.write(entry)
                    ledger.add(case, entry)
                    listener.on_case(case, number + 1, len(jobs), len(ledger.suspects))
            for change in _changes(ledger, sides, settings, profile):
                changes.append(change)
                listener.on_change(change)
        except KeyboardInterrupt:
            interrupted = True
    return GateReport(
        settings=settings,
        base=_record(base, sides.base),
        candidate=_record(candidate, sides.candidate),
        cases=ledger.cases,
        resumed=resumed,
        cells=ledger.cells(),
        changes=tuple(sorted(changes, key=lambda change: (not change.kind.is_regression, change.kind, change.method))),
        interrupted=interrupted,
        seconds=time.perf_counter() - started,
    )


def _changes(ledger: Ledger, sides: Pairing, settings: GateSettings, profile: Profile) -> Iterator[Change]:
    """Every change: of verdicts on its smallest case, then of memory, then of speed if that is asked for."""
    for suspicion, suspect in ledger.suspects.items():
        yield _investigate(suspicion, suspect, sides, profile)
    for device in settings.devices:
        yield from memory_changes(sides.base, sides.candidate, settings.methods, device)
        if settings.fail_slower is not None:
            margin = settings.fail_slower
            yield from speed_changes(sides.base, sides.candidate, settings.methods, device, margin)


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
    devices = [device for device in hellos[0].devices if device in hellos[1].devices]
    for device in settings.devices:
        if device not in devices:
            raise UnknownName(f"device {device!r} is not there on both sides; they have {', '.join(devices)}")
    every = tuple(about if touched == {BACKPACK} else known)
    return replace(settings, methods=settings.methods or every, devices=settings.devices or tuple(devices))


def _started(stack: ExitStack, side: Prepared, scratch: Path) -> SideProcess:
    process = SideProcess(side, scratch)
    stack.callback(process.stop)
    return process


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Keeps a second gate with the same question out."""
    try:
        with FileLock(home / "lock", timeout=0):
            yield
    except Timeout:
        raise InvalidRequest(f"{home}: another gate compares the same two sides just now; wait for it") from None


def _question(settings: GateSettings, base: Prepared, candidate: Prepared) -> str:
    """Names everything that the answer depends on: the settings, both environments, jaccheck itself."""
    digest = hashlib.sha256(f"{settings!r} {base.key} {candidate.key}".encode())
    for file in sorted(Path(jaccheck.__file__).parent.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _jobs(settings: GateSettings, profile: Profile, home: Path, stored: tuple[Case, ...]) -> list[tuple[Case, str]]:
    """Every case on every device: stored ones first, then the boundary cases, then random ones; drawn only once."""
    file = home / "cases.json"
    if not file.exists():
        drawing = home / "cases.drawing.json"
        save_cases(CaseFile(cases=(*stored, *_drawn(settings, profile))), drawing)
        drawing.rename(file)
    return [(case, device) for case in load_cases(file).cases for device in settings.devices]


def _drawn(settings: GateSettings, profile: Profile) -> Iterator[Case]:
    plan = Settings(
        profile=profile.name,
        seed=settings.seed,
        max_examples=None,
        time=None,
        methods=settings.methods,
        devices=settings.devices,
        dtypes=settings.dtypes,
        families=settings.families,
    )
    for shard in shards(profile, plan):
        yield from shard.cases()


def _investigate(suspicion: Suspicion, suspect: Suspect, sides: Pairing, profile: Profile) -> Change:
    """The change on the smallest case found, with a script that shows it where a side is wrong."""
    methods = (suspicion.method,)

    def still_differs(case: Case) -> bool:
        pairs = sides.compare(case, methods, suspicion.device)
        return any(suspicion in suspicions(pair, suspicion.device) for pair in pairs)

    case = shrink(suspect.case, still_differs, seconds=profile.shrink_seconds)
    pair = next(iter(sides.compare(case, methods, suspicion.device)), suspect.pair)
    if pair.base is None or pair.candidate is None:  # seen before, and not once more
        pair = suspect.pair
    assert pair.base is not None
    assert pair.candidate is not None
    identity = hashlib.sha256(f"{suspicion} {to_json(case)}".encode()).hexdigest()[:10]
    return Change(
        id=identity,
        kind=suspicion.kind,
        method=suspicion.method,
        device=suspicion.device,
        base=told(suspicion.kind, pair.base, pair.candidate),
        candidate=told(suspicion.kind, pair.candidate, pair.base),
        seen=suspect.seen,
        case=case,
        script=pair.candidate.script or pair.base.script,
    )


def _record(prepared: Prepared, process: SideProcess) -> SideRecord:
    hello = process.hello
    return SideRecord(
        asked=str(prepared.side),
        python=prepared.python,
        versions=hello.versions,
        files=hello.files,
        missing={name: reason for name, reason in hello.methods.items() if reason},
        command=prepared.command("script.py"),
    )
