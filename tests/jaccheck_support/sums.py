"""What results of shards come to, to be compared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from jaccheck.reports import Spent
from jaccheck.runs import ShardResult, Tally
from jaccheck.runs.results import Sums


def summed(results: Iterable[ShardResult]) -> Sums:
    """The sums of a tally of all results, in one order, without times."""
    tally = Tally()
    for result in results:
        tally.merge(result.sums)
    sums = tally.sums()
    return replace(
        sums,
        totals=replace(sums.totals, seconds=Spent()),
        coverage=tuple(sorted(sums.coverage, key=repr)),
        tightness=tuple(sorted(sums.tightness, key=repr)),
        candidates=tuple(sorted(sums.candidates, key=lambda candidates: repr(candidates.group))),
    )
