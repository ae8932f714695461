"""`play`: directed sequences, then the state machine in rounds of some, each a Hypothesis run with its own seed."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import islice

from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis.errors import Flaky
from hypothesis.stateful import run_state_machine_as_test

from jaccheck.case import BACKEND
from jaccheck.core import kept_out
from jaccheck.judging import SEQUENCE_ISSUES
from jaccheck.methods import calm_torch, describe_environment
from jaccheck.reports import KnownCount, SequenceFinding, SequenceReport, SequenceSettings
from jaccheck.sequences.asking import SequencePart, Stage
from jaccheck.sequences.broken import Broken
from jaccheck.sequences.directed.every import every_directed
from jaccheck.sequences.directed.step import Directed, play_directed, shortest
from jaccheck.sequences.growth import check_growth
from jaccheck.sequences.machine import SequenceMachine
from jaccheck.sequences.monte_carlo import check_monte_carlo
from jaccheck.sequences.others import exact_methods
from jaccheck.sequences.products import check_products
from jaccheck.sequences.sequence import Tally
from jaccheck.sequences.session import available_extensions

OnSequence = Callable[[Tally], None]

ROUND = 50
"""Sequences in a round: enough for Hypothesis to vary what it has drawn, few enough for a limit of time."""


def play(asked: SequenceSettings, *, on_sequence: OnSequence = lambda tally: None) -> SequenceReport:
    """The report of a run, which ends with the first round that finds something; Ctrl-C ends it early.

    Directed sequences and the laws of draws come first, whatever was asked for, and the law of growth in the end.
    """
    return _played(asked, (SequencePart(settings=asked, what=what) for what in Stage), on_sequence)


def play_part(part: SequencePart, *, on_sequence: OnSequence = lambda tally: None) -> SequenceReport:
    """The report of a part of a run."""
    return _played(part.settings, [part], on_sequence)


def _played(asked: SequenceSettings, parts: Iterable[SequencePart], on_sequence: OnSequence) -> SequenceReport:
    """The report on parts that are played one after the other, until one finds something."""
    started = time.perf_counter()
    tally, interrupted, directed = Tally(), False, 0
    findings: tuple[SequenceFinding, ...] = ()
    machine = machine_of(tally, on_sequence)
    gc.collect()
    try:
        with kept_out(), calm_torch():  # whenever a network is dropped, only what is new is looked through
            for part in parts:
                for findings in _findings(machine, part):
                    directed += part.what is Stage.DIRECTED and not findings
                    if findings:
                        break
                if findings:
                    break
    except KeyboardInterrupt:
        interrupted = True
    return SequenceReport(
        settings=asked,
        environment=describe_environment({"cpu": "cpu"}),
        directed=directed,
        examples=tally.examples if tally.failed_after is None else tally.failed_after,
        steps=tally.steps.total() - tally.steps["check_all"],
        compared=tally.compared,
        undecided=tally.undecided,
        passes=tally.steps["perform"],
        refused=dict(tally.refused.most_common()),
        known=tuple(_count(tally, issue.id) for issue in SEQUENCE_ISSUES),
        findings=findings,
        seconds=time.perf_counter() - started,
        interrupted=interrupted,
    )


def _findings(machine: type[SequenceMachine], part: SequencePart) -> Iterator[tuple[SequenceFinding, ...]]:
    """What each directed sequence or round of a part finds, or the law that it puts to one use."""
    asked = part.settings
    match part.what:
        case Stage.DIRECTED:
            for each in every_directed(machine)[part.start : part.stop]:
                yield run_directed(machine, each)
        case Stage.DRAWS:
            yield _broken_by(partial(check_monte_carlo, available_extensions()))
            yield _broken_by(check_products)
        case Stage.ROUNDS:
            for number, examples in islice(rounds(asked, time.perf_counter()), part.start, part.stop):
                yield run_round(machine, asked.seed * 2**20 + number, examples, asked.steps)
        case Stage.GROWTH:
            yield _broken_by(partial(check_growth, available_extensions()))


def run_directed(
    machine: type[SequenceMachine],
    directed: Directed,
    *,
    shortens: bool = True,
    on_end: Callable[[], None] = lambda: None,
) -> tuple[SequenceFinding, ...]:
    """What a directed sequence found, without the steps that do not matter."""
    try:
        play_directed(machine, directed.steps, on_end)
    except Broken as broken:
        found = shortest(machine_of(Tally()), directed.steps, broken) if shortens else broken
        finding = _finding(found)
        return (replace(finding, message=f"{finding.message} ({directed.name})"),)
    return ()


def _broken_by(law: Callable[[], None]) -> tuple[SequenceFinding, ...]:
    """What a law finds that is put to one use, once."""
    try:
        law()
    except Broken as broken:
        return (_finding(broken),)
    return ()


def rounds(asked: SequenceSettings, started: float) -> Iterator[tuple[int, int]]:
    """Number and size of each round, until there are enough sequences or the time is over."""
    done = number = 0
    while asked.examples is None or done < asked.examples:
        if asked.seconds is not None and time.perf_counter() - started > asked.seconds:
            return
        examples = ROUND if asked.examples is None else min(ROUND, asked.examples - done)
        yield number, examples
        done, number = done + examples, number + 1


def machine_of(tally: Tally, on_sequence: Callable[[Tally], None] = lambda tally: None) -> type[SequenceMachine]:
    """The state machine, which counts into `tally`, and says so when a sequence begins."""

    def begin(self: SequenceMachine) -> None:
        SequenceMachine.__init__(self)
        on_sequence(tally)

    names = {"tally": tally, "available": available_extensions(), "methods": exact_methods(), "__init__": begin}
    return type("Sequences", (SequenceMachine,), names)


def run_round(
    machine: type[SequenceMachine], seed: int, examples: int, steps: int, *, shortens: bool = True
) -> tuple[SequenceFinding, ...]:
    """What some sequences found, shortened by Hypothesis; one finding of a kind.

    What does not fail again when it is repeated, since it depends on earlier sequences, comes as it was seen first.
    """
    machine._hypothesis_internal_use_seed = seed
    budget = settings(
        backend=BACKEND,
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=False,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink) if shortens else (Phase.generate,),
        verbosity=Verbosity.quiet,
        print_blob=False,
        report_multiple_bugs=shortens,
        suppress_health_check=tuple(HealthCheck),
    )
    try:
        run_state_machine_as_test(machine, settings=budget)
    except Broken as broken:
        return (_finding(broken),)
    except Flaky:
        if machine.tally.first is None:
            raise
        return (_finding(machine.tally.first),)
    except BaseExceptionGroup as group:
        known, others = group.split(Broken)
        if others is not None or known is None:
            raise
        return tuple(_finding(broken) for broken in known.exceptions if isinstance(broken, Broken))
    return ()


def _count(tally: Tally, issue: str) -> KnownCount:
    return KnownCount(id=issue, met=tally.met[issue], wrong=tally.wrong[issue])


def _finding(broken: Broken) -> SequenceFinding:
    return SequenceFinding(kind=broken.kind, message=broken.message, script=broken.script)
