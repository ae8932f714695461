"""A report beside an earlier one: what became faster or slower, and what else is not the same. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf, log

from jaccheck.bench.paired import answer_of
from jaccheck.bench.race import MARGIN
from jaccheck.reports import REGIMES, BenchCell, BenchComparison, BenchReport, Spread, TimeChange

Problem = tuple[str, str, str, str]


def problem_of_cell(cell: BenchCell) -> Problem:
    """What makes a problem the same in two reports."""
    return (cell.shape, cell.network, cell.dtype, cell.device)


def compare_reports(now: BenchReport, before: BenchReport, path: str) -> BenchComparison:
    """Each time that both reports have of a method on the same problem, in the same kind of memory.

    The interval of a ratio is that of its outermost values, so two intervals of 95 % that overlap decide nothing.
    """
    return BenchComparison(path=path, differences=tuple(differences(now, before)), changes=tuple(_changes(now, before)))


def differences(now: BenchReport, before: BenchReport) -> Iterator[str]:
    """In what the two runs differ, but for times: each as `what was …, is …`."""
    here, there = now.environment, before.environment
    pairs = {
        "machine": (before.machine or "not said", now.machine),
        "platform": (there.platform, here.platform),
        "Python": (there.python, here.python),
        "torch": (there.torch_said, here.torch_said),
        "BackPACK": (there.backpack_said, here.backpack_said),
        "jaccheck": (there.jaccheck, here.jaccheck),
        "threads": (str(before.threads), str(now.threads)),
    }
    for what, (was, is_now) in pairs.items():
        if was != is_now:
            yield f"{what} was {was}, is {is_now}"


def _changes(now: BenchReport, before: BenchReport) -> Iterator[TimeChange]:
    earlier = {problem_of_cell(cell): cell for cell in before.cells}
    for cell in now.cells:
        if (was := earlier.get(problem_of_cell(cell))) is None:
            continue
        known = {m.method: m for m in was.methods}
        for regime in REGIMES:
            floors = was.floor(regime), cell.floor(regime)
            floor_ratio = floors[1].median_s / floors[0].median_s if floors[0] and floors[1] else None
            for m in cell.methods:
                old, new = known[m.method].time(regime) if m.method in known else None, m.time(regime)
                if old and new:
                    low, ratio, high = _ratio(new, old)
                    yield TimeChange(
                        problem=f"{cell.shape}, {cell.dtype} on {cell.device}",
                        regime=regime,
                        method=m.method,
                        before_s=old.median_s,
                        now_s=new.median_s,
                        ratio=ratio,
                        low=low,
                        high=high,
                        answer=answer_of(log(low) if low else -inf, log(ratio), log(high), log(1 + MARGIN)),
                        floor_ratio=floor_ratio,
                    )


def _ratio(new: Spread, old: Spread) -> tuple[float, float, float]:
    low = new.low_s / old.high_s if old.high_s < inf else 0.0
    high = new.high_s / old.low_s if old.low_s else inf
    return low, new.median_s / old.median_s, high
