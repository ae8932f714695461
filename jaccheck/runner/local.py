"""`verify`: every case, device and method of a run in this process; verdicts to a tally, faults to findings."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Protocol

from jaccheck.case import Case
from jaccheck.devices import has_dtype
from jaccheck.environment import calm_torch, describe_environment
from jaccheck.errors import InvalidCase, NotComputed
from jaccheck.judgement import judge, try_claim
from jaccheck.known import explained
from jaccheck.laws import LAWS
from jaccheck.laws.laws import CALLED_ONCE
from jaccheck.methods import Method
from jaccheck.profiles import Profile
from jaccheck.report import Finding, Report, Settings
from jaccheck.runner.findings import investigate
from jaccheck.runner.plan import shards
from jaccheck.runner.tally import Fault, Tally
from jaccheck.verdict import Outcome
from jaccheck.witness import Witness


class Listener(Protocol):
    """Who is told how a run goes."""

    def on_case(self, case: Case, tally: Tally) -> None:
        """A case has been judged on every device by every method."""

    def on_finding(self, finding: Finding) -> None:
        """A fault has been seen for the first time, and shrunk."""


def verify(
    settings: Settings,
    profile: Profile,
    methods: tuple[Method, ...],
    devices: Mapping[str, str],
    *,
    listener: Listener,
    stored: Iterable[Case] | None = None,
) -> Report:
    """The report of a run over drawn cases, or over `stored` ones; Ctrl-C ends it early with what was done so far."""
    started = time.perf_counter()
    environment = describe_environment(devices)
    tally = Tally()
    by_name = {method.name: method for method in methods}
    findings: dict[Fault, list[Finding]] = {}
    interrupted = False
    with calm_torch():
        try:
            for case in _cases(settings, profile, tally, stored):
                for fault in _judge_everywhere(case, methods, devices, tally, profile):
                    findings[fault] = investigate(fault, by_name[fault.method], tally, seconds=profile.shrink_seconds)
                    for finding in findings[fault]:
                        listener.on_finding(finding)
                tally.cases += 1
                listener.on_case(case, tally)
            for fault, known in findings.items():
                more = investigate(
                    fault, by_name[fault.method], tally, seconds=profile.shrink_seconds, known=tuple(known)
                )
                for finding in more:
                    known.append(finding)
                    listener.on_finding(finding)
        except KeyboardInterrupt:
            interrupted = True
    tally.spend(total=time.perf_counter() - started)
    return Report(
        settings=settings,
        environment=environment,
        totals=tally.totals(),
        coverage=tally.coverage(),
        tightness=tally.tightness(),
        findings=tuple(
            _recount(finding, tally.suspects[fault].seen) for fault, known in findings.items() for finding in known
        ),
        interrupted=interrupted,
    )


def _cases(settings: Settings, profile: Profile, tally: Tally, stored: Iterable[Case] | None) -> Iterator[Case]:
    if stored is not None:
        yield from stored
        return
    deadline = None if settings.time is None else time.monotonic() + settings.time
    for shard in shards(profile, settings):
        drawing = time.perf_counter()
        drawn = shard.cases()
        tally.spend(drawing=time.perf_counter() - drawing)
        for case in drawn:
            if deadline is not None and time.monotonic() > deadline:
                return
            if settings.max_examples is not None and tally.cases >= settings.max_examples:
                return
            yield case


def _judge_everywhere(
    case: Case, methods: tuple[Method, ...], devices: Mapping[str, str], tally: Tally, profile: Profile
) -> list[Fault]:
    """The faults that this case shows for the first time."""
    laws = LAWS if tally.cases % profile.repeat_every == 0 else CALLED_ONCE
    new: list[Fault] = []
    for device in devices:
        if not has_dtype(device, case.dtype):
            continue
        try:
            witness = Witness(case, device)
        except NotComputed:
            tally.not_computed += 1
            continue
        except InvalidCase:
            # Its numbers overflow its dtype: there is nothing to compare.
            tally.overflowing += 1
            continue
        inside = 0.0
        for method in methods:
            verdict = judge(case, method, device=device, witness=witness, laws=laws)
            if verdict.outcome is Outcome.UNSUPPORTED and tally.is_claim_due(method.name, verdict.message):
                verdict = try_claim(case, method, verdict, witness)
            verdict = explained(case, verdict)
            inside += verdict.seconds
            new += tally.add(case, verdict)
        tally.spend(methods=inside, reference=witness.seconds.reference, oracle=witness.seconds.oracle)
    return new


def _recount(finding: Finding, seen: int) -> Finding:
    return replace(finding, seen=seen)
