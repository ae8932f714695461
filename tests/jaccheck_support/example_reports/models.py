"""Reports of `check` and `bench`."""

from __future__ import annotations

import dataclasses

from jaccheck.reports import (
    REGIMES,
    Answer,
    BenchCell,
    BenchComparison,
    BenchReport,
    Growth,
    MethodAnswer,
    MethodTiming,
    ModelReport,
    Outcome,
    Race,
    RacePlace,
    Spread,
    TimeChange,
)
from jaccheck_support.example_reports.judged import verify_report
from jaccheck_support.testing import ENVIRONMENT


def model_report() -> ModelReport:
    """A model on which one method is right, one wrong, and one refuses."""
    worst = verify_report().findings[0].worst
    return ModelReport(
        model="own.py:make",
        N=4,
        C=3,
        dtype="float32",
        device="cpu",
        parameters=30,
        jacobian_bytes=1440,
        memory=2**30,
        chunks=2,
        chunk_bytes=720,
        chunk_samples=2,
        reference="closed form",
        judged_by="closed form with proven bounds",
        environment=ENVIRONMENT,
        seconds=2.0,
        answers=(
            MethodAnswer(
                method="hooks", outcome=Outcome.AGREES, comparison="bound", test_ratio=0.2, entries=360, median_s=1e-3
            ),
            MethodAnswer(method="func", outcome=Outcome.DISAGREES, message=str(worst), worst=worst, warnings=("old",)),
            MethodAnswer(method="other", outcome=Outcome.UNSUPPORTED, message="takes no Conv2d"),
        ),
        recommended="hooks",
        advice="use hooks: it agrees, and is the fastest that does",
    )


def bench_report() -> BenchReport:
    """Two problems and a sweep, with a method that is wrong, one that was dropped, and an earlier run beside it."""
    spread = Spread(
        samples=9,
        median_s=2e-3,
        low_s=1.9e-3,
        high_s=2.2e-3,
        lower_quartile_s=1.9e-3,
        upper_quartile_s=2e-3,
        shortest_s=1.8e-3,
    )
    slower = dataclasses.replace(spread, median_s=5e-3)
    methods = (
        MethodTiming(
            method="hooks",
            kind="a",
            outcome=Outcome.AGREES,
            fresh=spread,
            reused=spread,
            peak_bytes=900,
            forward_passes=1,
        ),
        MethodTiming(
            method="autograd_loop", kind="b", outcome=Outcome.AGREES, fresh=slower, reused=slower, peak_bytes=900
        ),
        MethodTiming(method="func", kind="c", outcome=Outcome.DISAGREES, message="0.weight: 1 instead of 2"),
        MethodTiming(method="loop", outcome=Outcome.AGREES, kind="loops", times_slower=9.5, first_calls=2),
    )
    races = tuple(
        Race(
            regime=regime,
            places=(
                RacePlace(method="hooks", standing="fastest", rounds=9),
                RacePlace(method="autograd_loop", standing="slower", rounds=6, ratio=2.5, low=2.3, high=2.8),
            ),
            rounds=9,
            confidence=0.95,
            margin=0.05,
        )
        for regime in REGIMES
    )
    small = BenchCell(
        shape="small",
        network="10-7-5",
        dtype="float32",
        device="cpu",
        N=15,
        C=5,
        parameters=117,
        jacobian_bytes=35_100,
        fresh_floor=spread,
        reused_floor=spread,
        methods=methods,
        races=races,
        seconds=1.0,
    )
    large = dataclasses.replace(small, shape="large", jacobian_bytes=3_510_000)
    change = TimeChange(
        problem="small, float32 on cpu",
        regime="fresh",
        method="hooks",
        before_s=1e-3,
        now_s=2e-3,
        ratio=2.0,
        low=1.8,
        high=2.2,
        answer=Answer.SLOWER,
        floor_ratio=1.0,
    )
    growth = Growth(
        method="hooks", axis="N", quantity="time", sizes=(2, 4, 8), exponent=0.9, low=0.8, high=1.0, theory=1.0
    )
    return BenchReport(
        environment=ENVIRONMENT,
        threads=1,
        memory=2**30,
        cells=(small, large, dataclasses.replace(small, axis="N", size=2)),
        growth=(growth,),
        seconds=3.0,
        not_reached=("wide",),
        machine="2 cores of a processor",
        since=BenchComparison(path="before.json", differences=("torch was 2.0, is 2.1",), changes=(change,)),
    )
