"""The parts of a run over sequences, for those who play them side by side, and the whole that they make."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial

from jaccheck.methods import choose_methods
from jaccheck.reports import KnownCount, SequenceReport, SequenceSettings
from jaccheck.sequences.asking import SequencePart, Stage
from jaccheck.sequences.directed.every import every_directed
from jaccheck.sequences.run import machine_of, rounds
from jaccheck.sequences.sequence import Tally

DIRECTED = 40
"""Directed sequences of a part."""


def sequence_parts(asked: SequenceSettings) -> Iterator[SequencePart]:
    """The parts, in the order of one run; rounds as long as there is time. Raises where BackPACK cannot run."""
    choose_methods(("batch_grad_loop",))
    part = partial(SequencePart, settings=asked)
    directed = len(every_directed(machine_of(Tally())))
    for start in range(0, directed, DIRECTED):
        yield part(what=Stage.DIRECTED, start=start, stop=min(start + DIRECTED, directed))
    yield part(what=Stage.DRAWS)
    for number, _ in rounds(asked, time.perf_counter()):
        yield part(what=Stage.ROUNDS, start=number, stop=number + 1)
    yield part(what=Stage.GROWTH)


def sequences_of(
    asked: SequenceSettings,
    parts: Iterable[tuple[SequencePart, SequenceReport]],
    *,
    seconds: float,
    interrupted: bool = False,
) -> SequenceReport:
    """The report on a run, from those on its parts in any order; it ends with the first that finds something."""
    found: list[SequenceReport] = []
    for _, report in sorted(parts, key=_place):
        found.append(report)
        if report.findings:
            break
    refused: Counter[str] = Counter()
    met, wrong = Counter[str](), Counter[str]()
    for report in found:
        refused.update(report.refused)
        for each in report.known:
            met[each.id] += each.met
            wrong[each.id] += each.wrong
    return SequenceReport(
        settings=asked,
        environment=found[0].environment,
        directed=sum(report.directed for report in found),
        examples=sum(report.examples for report in found),
        steps=sum(report.steps for report in found),
        compared=sum(report.compared for report in found),
        undecided=sum(report.undecided for report in found),
        passes=sum(report.passes for report in found),
        refused=dict(refused.most_common()),
        known=tuple(KnownCount(id=each.id, met=met[each.id], wrong=wrong[each.id]) for each in found[0].known),
        findings=found[-1].findings,
        seconds=seconds,
        interrupted=interrupted,
    )


def _place(each: tuple[SequencePart, SequenceReport]) -> tuple[int, int]:
    return list(Stage).index(each[0].what), each[0].start
