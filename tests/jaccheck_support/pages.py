"""What tests of pages share: reports of every kind as plain data, the same with hostile text, pages taken apart."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cache
from html.parser import HTMLParser
from typing import Any, get_type_hints

from jaccheck.case import Case, LeakyReLU, Linear, Parallel, Residual
from jaccheck.cli import writing
from jaccheck.reports import (
    JUDGES,
    REGIMES,
    TEST_RATIO_LIMITS,
    Acceptance,
    Alarm,
    Answer,
    BenchCell,
    BenchComparison,
    BenchReport,
    CellChange,
    Change,
    CoverageCell,
    Excerpt,
    Failure,
    FalseAlarms,
    Finding,
    GateCell,
    GateReport,
    GateSettings,
    Growth,
    Kill,
    Kind,
    KnownCount,
    MatrixCell,
    MatrixReport,
    MethodAnswer,
    MethodTiming,
    ModelReport,
    MutantScore,
    MutationScore,
    Outcome,
    PairedTiming,
    Race,
    RacePlace,
    Raised,
    Report,
    SelftestReport,
    SequenceFinding,
    SequenceReport,
    SequenceSettings,
    Settings,
    SideRecord,
    Speed,
    Spent,
    Spread,
    Tightness,
    TimeChange,
    Totals,
    WorstEntry,
    WrongEntry,
)
from jaccheck_support.testing import ENVIRONMENT

HOSTILE = (
    "</script></style></title><script>alert(1)</script><img src=x onerror=alert(2)>\"'`&amp;{{ 7*7 }}{% raw %}]]>-->"
    "$\\frac$\u202etxt.\x00\x1b[31m\ud800"
)

CASE = Case(
    layers=(
        Linear(out_features=3),
        Residual(layers=(Linear(out_features=3), LeakyReLU(negative_slope=0.5))),
        Parallel(branches=((Linear(out_features=1),), (Linear(out_features=2), LeakyReLU())), merge="cat"),
    ),
    in_shape=(2,),
    batch_size=4,
)

EXCERPT = Excerpt(
    C=2,
    rows=40,
    columns=3,
    first_row=3,
    first_column=0,
    parameters=(("0.weight", 2), ("0.bias", 1)),
    actual=((1.0, -2.0, float("nan")), (float("inf"), 0.0, 1.0)),
    expected=((1.0, -1.0, 0.5), (1.0, 0.0, 1.0 + 1e-9)),
    bound=((0.0, 0.0, 1e-9), (1e-9, 1e-9, 1e-8)),
    worst=(0, 2),
)


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


def gate_report() -> GateReport:
    """A regression, an accepted one, one that is fixed; speed, and an acceptance that nothing needs."""
    base = SideRecord(
        asked="backpack-for-pytorch==1.7.0",
        python="3.11.7",
        versions={"backpack-for-pytorch": "1.7.0", "torch": "2.13.0"},
        files={"backpack": "/somewhere/backpack", "torch": "/somewhere/torch"},
        missing={"sqrt_ggn_mean": "no SqrtGGNExact"},
        command="PYTHONPATH=/somewhere python -P script.py",
    )
    broken = Change(
        id="1",
        kind=Kind.BROKEN,
        method="sqrt_ggn_sum",
        device="cpu",
        base="AGREES",
        candidate="DISAGREES: 0.weight[0, 0]: 1 instead of 2",
        seen=1,
        case=CASE,
        script="import torch\n",
    )
    accepted = dataclasses.replace(broken, id="2", accepted="we know", seen=3)
    mended = dataclasses.replace(broken, id="3", kind=Kind.FIXED)
    paired = PairedTiming(
        answer=Answer.SLOWER, ratio=1.3, low=1.2, high=1.4, confidence=0.99, margin=0.1, blocks=9, looks=2, seconds=3.0
    )
    return GateReport(
        settings=GateSettings(
            base=base.asked,
            candidate="/tmp/spoilt",
            profile="quick",
            seed=0,
            methods=("sqrt_ggn_sum", "batch_grad_loop"),
            devices=("cpu",),
            dtypes=("float64",),
            families=("smooth",),
        ),
        base=base,
        candidate=dataclasses.replace(base, asked="/tmp/spoilt"),
        cases=9,
        cells=(
            GateCell(
                method="sqrt_ggn_sum",
                device="cpu",
                dtype="float64",
                family="smooth",
                cases=9,
                same=7,
                within=1,
                different=1,
                ulps=(80, 5, 3, 0, 0, 0, 0, 1, 1),
            ),
        ),
        changes=(broken, accepted, mended),
        matrix=(
            CellChange(
                group="perceptrons",
                row="ELU",
                method="sqrt_ggn_sum",
                dtype="float64",
                device="cpu",
                was=Outcome.AGREES,
                now=Outcome.DISAGREES,
                message=broken.candidate,
            ),
        ),
        speeds=(Speed(method="sqrt_ggn_sum", device="cpu", shape="10-7-5", timing=paired),),
        unmatched=(Acceptance(kind="broken", reason="mended since"),),
        seconds=12.0,
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


REPORTS: dict[str, tuple[Callable[[], Any], writing.Formats[Any]]] = {
    "bench": (bench_report, writing.BENCH),
    "check": (model_report, writing.CHECK),
    "gate": (gate_report, writing.GATE),
    "matrix": (matrix_report, writing.MATRIX),
    "selftest": (selftest_report, writing.SELFTEST),
    "sequences": (sequence_report, writing.SEQUENCES),
    "verify": (verify_report, writing.VERIFY),
}
"""For each command a report in which something is wrong, and how it is written."""


@cache
def page(command: str, change: Callable[[Any], Any] = lambda report: report) -> str:
    """The page of the command's report, after a change of the report."""
    report, formats = REPORTS[command]
    return formats[".html"](change(report()))


def hostile(value: Any) -> Any:
    """The value with `HOSTILE` in every text that a model, a method or an exception can choose."""
    match value:
        case Case():
            return dataclasses.replace(value, family=HOSTILE)
        case str() if type(value) is str:
            return value + HOSTILE
        case tuple():
            return tuple(hostile(item) for item in value)
        case dict():
            # Keys are names that are chosen freely only where the values are text too.
            return {hostile(k) if isinstance(v, str) else k: hostile(v) for k, v in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        closed = {name for name, hint in get_type_hints(type(value)).items() if "Literal[" in str(hint)}
        free = [f.name for f in dataclasses.fields(value) if f.name not in closed]
        return dataclasses.replace(value, **{name: hostile(getattr(value, name)) for name in free})
    return value


class Parsed(HTMLParser):
    """A page's elements with their attributes, and its text, scripts and styles left out."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._inside = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside not in ("script", "style"):
            self.text += data
