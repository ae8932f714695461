"""`play`: the state machine in rounds of some sequences, each a Hypothesis run with a seed of its own."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator

from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis.errors import Flaky
from hypothesis.stateful import run_state_machine_as_test

from jaccheck.judging import SEQUENCE_ISSUES
from jaccheck.methods import calm_torch, describe_environment
from jaccheck.reports import KnownCount, SequenceFinding, SequenceReport, SequenceSettings
from jaccheck.sequences.broken import Broken
from jaccheck.sequences.growth import check_growth
from jaccheck.sequences.machine import SequenceMachine
from jaccheck.sequences.others import exact_methods
from jaccheck.sequences.sequence import Tally
from jaccheck.sequences.session import available_extensions

ROUND = 50
"""Sequences in a round: enough for Hypothesis to vary what it has drawn, few enough for a limit of time."""


def play(asked: SequenceSettings, *, on_round: Callable[[Tally], None] = lambda tally: None) -> SequenceReport:
    """The report of a run, which ends with the first round that finds something; Ctrl-C ends it early.

    In the end the law of growth is put to it, once.
    """
    started = time.perf_counter()
    tally, interrupted = Tally(), False
    findings: tuple[SequenceFinding, ...] = ()
    machine = machine_of(tally)
    gc.collect()
    gc.freeze()  # what is here already need not be looked through whenever a network is dropped
    try:
        with calm_torch():
            for number, examples in rounds(asked, started):
                findings = run_round(machine, asked.seed * 2**20 + number, examples, asked.steps)
                on_round(tally)
                if findings:
                    break
            else:
                findings = grown()
    except KeyboardInterrupt:
        interrupted = True
    finally:
        gc.unfreeze()
    return SequenceReport(
        settings=asked,
        environment=describe_environment({"cpu": "cpu"}),
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


def grown() -> tuple[SequenceFinding, ...]:
    """What a thousand passes leave behind."""
    try:
        check_growth(available_extensions())
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


def machine_of(tally: Tally) -> type[SequenceMachine]:
    """The state machine, which counts into `tally`."""
    return type(
        "Sequences",
        (SequenceMachine,),
        {"tally": tally, "available": available_extensions(), "methods": exact_methods()},
    )


def run_round(
    machine: type[SequenceMachine], seed: int, examples: int, steps: int, *, shortens: bool = True
) -> tuple[SequenceFinding, ...]:
    """What some sequences found, shortened by Hypothesis; one finding of a kind.

    What does not fail again when it is repeated, since it depends on earlier sequences, comes as it was seen first.
    """
    machine._hypothesis_internal_use_seed = seed
    budget = settings(
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
