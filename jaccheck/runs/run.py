"""`run_shards`: shards to a scheduler, its results to a tally, failures to findings.

A scheduler decides where and in which order shards are judged. It is a function from an iterator of shards to an
iterator of their results:

- It takes a shard when it is about to start it, and no earlier than needed: the iterator ends when the time is over.
- It gives back each result as soon as it has it, in any order, each shard once. The caller may take its time between
  two results (it shrinks failures), and the scheduler's workers should meanwhile go on.
- At Ctrl-C, which may come as a KeyboardInterrupt out of it or be thrown into it, it gives back what was done so far
  of the shards that it had begun (`ShardResult.is_whole` is False then), soon, and ends.
- A `ShardResult` is made by `runner.judging.judge_shard`, wherever that is, from the shard, the methods and the
  profile.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

from jaccheck.case import Profile
from jaccheck.methods import Method, calm_torch, describe_environment
from jaccheck.reports import Environment, Finding, Report, Settings
from jaccheck.runs.culprits import Probe
from jaccheck.runs.findings import failure_of, investigate
from jaccheck.runs.plan import Shard
from jaccheck.runs.reference import REFERENCE
from jaccheck.runs.results import Candidates, FailureGroup, ShardResult, Sums, group_of
from jaccheck.runs.tally import Tally

Scheduler = Callable[[Iterable[Shard]], Iterator[ShardResult]]


@dataclass(frozen=True, slots=True)
class Judges:
    """Where cases are judged: shards by a scheduler, and the cases that a failure is shrunk through by a probe."""

    scheduler: Scheduler
    probe: Probe = failure_of


class Listener(Protocol):
    """Who is told how a run goes."""

    def on_result(self, result: ShardResult, tally: Tally) -> None:
        """A shard has been judged."""

    def on_finding(self, finding: Finding) -> None:
        """A failure has been seen for the first time, and shrunk."""

    def on_given_up(self, method: str) -> None:
        """A method has ended so many worker processes that it is left out from now on."""


class Record(Protocol):
    """Keeps what a run does, and knows what it has done before, if it was cut short."""

    def sums(self) -> Sums:
        """What was counted."""

    def findings(self) -> list[Finding]:
        """What was found."""

    def given_up(self) -> list[str]:
        """The methods that were given up on."""

    def keep_result(self, result: ShardResult, candidates: Iterable[Candidates]) -> None:
        """Adds a whole shard, and the failing cases of its failures as they are now: all of it or nothing."""

    def keep_finding(self, finding: Finding) -> None:
        """Adds a finding."""

    def end(self, *, interrupted: bool) -> None:
        """The run has come to its end, or was interrupted."""


def run_shards(
    settings: Settings,
    profile: Profile,
    methods: tuple[Method, ...],
    devices: Mapping[str, str],
    *,
    shards: Iterable[Shard],
    judges: Judges,
    listener: Listener,
    record: Record | None = None,
) -> Report:
    """The report of a run over these shards, after those in the record; Ctrl-C ends it early with what was done."""
    started = time.perf_counter()
    environment = describe_environment(devices)  # what has still to be imported may not be there in the end
    run = _Run(profile, methods, listener, judges.probe, record)
    with calm_torch():
        results = judges.scheduler(_until(run.seconds_left(settings), shards))
        try:
            run.catch_up()
            for result in results:
                run.take(result)
            if not run.interrupted:
                run.look_closer()
        except KeyboardInterrupt:
            run.interrupted = True
            for result in _stopped(results):
                run.take(result)
    run.tally.spend(total=time.perf_counter() - started)
    if record:
        record.end(interrupted=run.interrupted)
    return run.report(settings, environment)


class _Run:
    """What is known of a run so far."""

    def __init__(
        self, profile: Profile, methods: tuple[Method, ...], listener: Listener, probe: Probe, record: Record | None
    ) -> None:
        self.tally = Tally()
        self.interrupted = False
        self._seconds = profile.shrink_seconds
        self._probe = probe
        self._methods = {method.name: method for method in (*methods, REFERENCE)}
        self._listener = listener
        self._given_up: list[str] = []
        self._findings: dict[FailureGroup, list[Finding]] = {}
        self._record = record
        if record:
            self.tally.merge(record.sums())
            self._given_up = record.given_up()
            for finding in record.findings():
                self._findings.setdefault(group_of(finding), []).append(finding)

    def seconds_left(self, settings: Settings) -> float | None:
        """Of the time that the run was given, or None where it was not."""
        return None if settings.time is None else settings.time - self.tally.totals.seconds.total

    def catch_up(self) -> None:
        """Shrinks what an earlier part of the run saw, and was cut short before it had shrunk it."""
        for group in [group for group in self.tally.candidates if group not in self._findings]:
            self._investigate(group)

    def take(self, result: ShardResult) -> None:
        """Adds a result; what is new in it is shrunk at once, so that the first findings come early."""
        if not result.is_whole:
            self.interrupted = True
        for name in result.given_up:
            if name not in self._given_up:
                self._given_up.append(name)
                self._listener.on_given_up(name)
        new = self.tally.merge(result.sums)
        if self._record and result.is_whole:
            touched = (candidates.group for candidates in result.sums.candidates)
            self._record.keep_result(result, [self.tally.candidates[group] for group in touched])
        for group in new:
            self._investigate(group)
        self._listener.on_result(result, self.tally)

    def look_closer(self) -> None:
        """Shrinks the failing cases that have come since the first one of each group: they may be other failures."""
        for group in [group for group in self._findings if group in self.tally.candidates]:
            self._investigate(group)

    def report(self, settings: Settings, environment: Environment) -> Report:
        """All of it; `seen` is how many failing cases each failure had in the end."""
        return Report(
            settings=settings,
            environment=environment,
            totals=self.tally.totals,
            coverage=self.tally.coverage(),
            tightness=self.tally.tightness(),
            findings=tuple(
                replace(finding, seen=candidates.seen) if (candidates := self.tally.candidates.get(group)) else finding
                for group, findings in self._findings.items()
                for finding in findings
            ),
            given_up=tuple(sorted(self._given_up)),
            interrupted=self.interrupted,
        )

    def _investigate(self, group: FailureGroup) -> None:
        own = self._findings.setdefault(group, [])
        started = time.perf_counter()
        for finding in investigate(
            self.tally.candidates[group],
            self._methods[group.method],
            # Whoever has pressed Ctrl-C gets the failing case as it is.
            seconds=0.0 if self.interrupted else self._seconds,
            known=tuple(own),
            probe=self._probe,
            others=tuple(each for each in self._methods.values() if each is not REFERENCE),
        ):
            known = own
            if finding.method != group.method:  # it made this one fail
                known = self._findings.setdefault(group_of(finding), [])
                if known:
                    continue
            known.append(finding)
            if self._record:
                self._record.keep_finding(finding)
            self._listener.on_finding(finding)
        self.tally.spend(shrinking=time.perf_counter() - started)


def _until(seconds: float | None, shards: Iterable[Shard]) -> Iterator[Shard]:
    deadline = None if seconds is None else time.monotonic() + seconds
    for shard in shards:
        if deadline is not None and time.monotonic() > deadline:
            return
        yield shard


def _stopped(results: Iterator[ShardResult]) -> Iterator[ShardResult]:
    """What a scheduler still gives when it is told to stop."""
    if isinstance(results, Generator):
        with suppress(StopIteration, KeyboardInterrupt):
            yield results.throw(KeyboardInterrupt())
            yield from results
