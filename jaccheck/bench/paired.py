"""Is the candidate faster or slower than the base? Answered from timings taken in turns. PYTEST_DONT_REWRITE

Timings come in blocks A B B A or B A A B, which of the two is tossed for each block. The logarithm of the ratio within
a block is free of linear drift, and where A and B do the same, the toss alone decides its sign: so Wilcoxon's
signed-rank test is exact whatever the noise, also where it drifts, has outliers, or is correlated from block to block
(a randomisation test; Lehmann and D'Abrera, Nonparametrics, section 3.2). The interval is that of Hodges and Lehmann,
the shifts which the test does not reject.

While the answer is undecided the number of blocks doubles. Looking again and again would inflate false alarms; the
number of looks is fixed beforehand, and each is given an equal part of the error (Bonferroni), so that the confidence
holds for all looks together.

Nothing here imports torch: a timing may come from any process.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, exp, log, log2
from time import perf_counter

import numpy as np
import numpy.typing as npt

from jaccheck.reports import Answer, PairedTiming

Array = npt.NDArray[np.float64]

TakeTiming = Callable[[], float]
"""Gives one timing in seconds, more than 0: of a call in this process, or of one in a worker's."""

FIRST_LOOK = 12
"""Blocks; with fewer than eleven no signed-rank test can reject at the level of one look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How long a comparison may go on while it is undecided, and how sure it must be.

    `error` is the chance that two things which take the same time are called faster or slower. A difference within
    `margin` (0.05: five percent) counts as none.
    """

    seconds: float = 20.0
    blocks: int = 384
    error: float = 0.005
    margin: float = 0.05

    @property
    def looks(self) -> int:
        """How many times at most the data are looked at."""
        return max(1, ceil(log2(max(self.blocks, FIRST_LOOK) / FIRST_LOOK)) + 1)


def compare_timings(
    base: TakeTiming, candidate: TakeTiming, budget: Budget | None = None, *, seed: int = 0
) -> PairedTiming:
    """Whether `candidate` takes more or less time than `base`; `seed` tosses the order within blocks."""
    budget = budget or Budget()
    toss = random.Random(seed)
    base(), candidate()  # warmed up
    started = perf_counter()
    ratios: list[float] = []
    look, blocks = 0, FIRST_LOOK
    while True:
        is_over = False
        while len(ratios) < blocks and not is_over:
            ratios.append(_block(base, candidate) if toss.random() < 0.5 else -_block(candidate, base))
            is_over = perf_counter() - started >= budget.seconds
        look, blocks = look + 1, min(2 * blocks, budget.blocks)
        is_over = is_over or len(ratios) >= budget.blocks or look == budget.looks
        low, estimate, high = shift_interval(ratios, budget.error / budget.looks)
        answer = answer_of(low, estimate, high, log(1 + budget.margin))
        if answer is not Answer.UNDECIDED or is_over:
            break
    return PairedTiming(
        answer=answer,
        ratio=exp(estimate),
        low=exp(low),
        high=exp(high),
        confidence=1 - budget.error,
        margin=budget.margin,
        blocks=len(ratios),
        looks=look,
        seconds=perf_counter() - started,
    )


def _block(first: TakeTiming, second: TakeTiming) -> float:
    """The logarithm of the ratio second / first, from four timings in which a linear drift cancels."""
    a, b, c, d = first(), second(), second(), first()
    return (log(b) + log(c) - log(a) - log(d)) / 2


def answer_of(low: float, estimate: float, high: float, margin: float) -> Answer:
    """What an interval of the logarithm of a ratio says, where differences within the margin count as none."""
    if -margin <= low and high <= margin:
        return Answer.SAME
    if low > 0 and estimate > margin:
        return Answer.SLOWER
    if high < 0 and estimate < -margin:
        return Answer.FASTER
    return Answer.UNDECIDED


def shift_interval(values: list[float], error: float) -> tuple[float, float, float]:
    """Lower limit, estimate and upper limit of the centre of `values`, by Hodges and Lehmann.

    The limits are Walsh averages, between which Wilcoxon's test rejects no shift at the level `error`; infinite
    where so few values can reject nothing.
    """
    x = np.asarray(values)
    i, j = np.triu_indices(len(x))
    walsh = np.sort((x[i] + x[j]) / 2)
    estimate = float(np.median(walsh))
    rejected = _rejected(len(x), error)
    return (float(walsh[rejected - 1]), estimate, float(walsh[-rejected])) if rejected else (-np.inf, estimate, np.inf)


@lru_cache
def _rejected(n: int, error: float) -> int:
    """How many values of the signed-rank statistic of n numbers, from 0 upwards, Wilcoxon's two-sided test rejects."""
    from scipy.stats import wilcoxon  # here: importing it takes a second, and most gates time nothing

    def p_value(statistic: int) -> float:
        numbers = -np.arange(1.0, n + 1)
        for rank in range(n, 0, -1):
            if rank <= statistic:
                numbers[rank - 1] = rank
                statistic -= rank
        return float(wilcoxon(numbers).pvalue)

    return bisect_right(range(n * (n + 1) // 4), error, key=p_value)
