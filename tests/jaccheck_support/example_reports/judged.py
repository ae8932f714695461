"""Reports of `verify`, `sequences`, `matrix` and `selftest`."""

from __future__ import annotations

import dataclasses

from jaccheck.reports import (
    JUDGES,
    TEST_RATIO_LIMITS,
    Alarm,
    CoverageCell,
    Failure,
    FalseAlarms,
    Finding,
    Kill,
    KnownCount,
    MatrixCell,
    MatrixReport,
    MutantScore,
    MutationScore,
    Outcome,
    Raised,
    Report,
    SelftestReport,
    SequenceFinding,
    SequenceReport,
    SequenceSettings,
    Settings,
    Spent,
    Tightness,
    Totals,
    WorstEntry,
    WrongEntry,
)
from jaccheck_support.example_reports.excerpt import CASE, EXCERPT
from jaccheck_support.testing import ENVIRONMENT


def verify_report() -> Report:
    """A run with a finding of numbers, one without numbers, and a cell that compared nothing."""
    worst = WorstEntry(
        parameter="0.bias",
        index=(1, 1, 0),
        actual=float("nan"),
        expected=0.5,
        bound=1e-9,
        wrong=3,
        entries=120,
        around=EXCERPT,
    )
    wrong = Finding(
        id="5d37eeac96",
        method="sqrt_ggn_sum",
        device="cpu",
        failure=Failure(law="agreement", outcome=Outcome.DISAGREES, detail=WrongEntry(worst=worst)),
        seen=3,
        case=CASE,
        script="import torch\n\nprint('x' * 3)  # a script\n",
    )
    raised = Failure(
        law="no exception", outcome=Outcome.CRASHED, detail=Raised(error_type="KeyError", error_text="'x'")
    )
    crashed = dataclasses.replace(wrong, failure=raised)
    cells = (
        CoverageCell(
            method="sqrt_ggn_sum", device="cpu", dtype="float64", family="square", cases=9, compared=9, entries=90
        ),
        CoverageCell(method="sqrt_ggn_sum", device="cpu", dtype="float32", family="frozen", cases=4),
        CoverageCell(
            method="hooks", device="cpu", dtype="float64", family="square", cases=9, compared=8, entries=90, refused=1
        ),
    )
    counts = (5, *range(len(TEST_RATIO_LIMITS) - 1), 2)
    return Report(
        settings=Settings(
            profile="quick",
            seed=1,
            max_examples=None,
            time=None,
            methods=("sqrt_ggn_sum", "hooks"),
            devices=("cpu",),
            dtypes=("float64", "float32"),
            families=("square", "frozen"),
        ),
        environment=ENVIRONMENT,
        totals=Totals(
            cases=11,
            comparisons=34,
            entries=180,
            undecided=2,
            outcomes={**dict.fromkeys(Outcome, 0), Outcome.AGREES: 15, Outcome.DISAGREES: 3},
            modes={"exact": 30, "bound": 4},
            seconds=Spent(total=3.5, methods=1.0),
        ),
        coverage=cells,
        findings=(wrong, crashed),
        tightness=(Tightness(method="sqrt_ggn_sum", device="cpu", dtype="float64", counts=counts),),
    )


def matrix_report() -> MatrixReport:
    """Three layers in two groups, two methods, one of them wrong as listed."""
    layers = (("perceptrons", "ReLU"), ("perceptrons", "ELU(alpha=0.5)"), ("convolution", "Conv1d(padding='same')"))
    outcomes = {"hooks": Outcome.AGREES, "func": Outcome.AGREES, "batch_grad_loop": Outcome.DISAGREES}
    cells = tuple(
        MatrixCell(
            group=group,
            row=row,
            method=method,
            dtype="float32",
            device="cpu",
            outcome=outcome if group == "convolution" else Outcome.AGREES,
            message="0.weight: 1 instead of 2" if group == "convolution" and outcome is Outcome.DISAGREES else "",
            known=("conv-string-padding",) if group == "convolution" and outcome is Outcome.DISAGREES else (),
        )
        for group, row in layers
        for method, outcome in outcomes.items()
    )
    return MatrixReport(environment=ENVIRONMENT, cells=cells)


def selftest_report() -> SelftestReport:
    """Two mutants, one of which survives, and a false alarm."""
    kill = Kill(
        after=3, family="square", dtype="float64", laws=("agreement",), outcome=Outcome.DISAGREES, message="wrong"
    )
    seen = MutantScore(
        name="class_swap",
        kind="values",
        summary="swaps classes",
        base="hooks",
        expected=("agreement",),
        tried=3,
        differed=3,
        jaccheck=kill,
        allclose=kill,
    )
    return SelftestReport(
        cases=100,
        overflowing=1,
        mutants=(seen, dataclasses.replace(seen, name="tiny", jaccheck=None, allclose=None)),
        scores=tuple(MutationScore(judge=judge, killed=1, mutants=2, lower_limit=0.1) for judge in JUDGES),
        false_alarms=tuple(
            FalseAlarms(judge=judge, mode="exact", results=50, alarms=1, upper_limit=0.1) for judge in JUDGES
        ),
        alarms=(Alarm(method="hooks", case=repr(CASE), message="called wrong"),),
        seconds=9.0,
        environment=ENVIRONMENT,
    )


def sequence_report() -> SequenceReport:
    """A finding with its script, a known issue, a refusal."""
    return SequenceReport(
        settings=SequenceSettings(profile="quick", examples=9, steps=20, seconds=None, seed=1),
        environment=ENVIRONMENT,
        examples=9,
        steps=180,
        compared=40,
        undecided=0,
        passes=30,
        refused={"NotImplementedError": 3},
        known=(KnownCount(id="reused-extension", met=3, wrong=1), KnownCount(id="stale-grad-batch", met=99, wrong=0)),
        findings=(SequenceFinding(kind="wrong value", message="grad_batch is stale", script="import torch\n"),),
        seconds=4.0,
    )
