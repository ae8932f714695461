"""`score`: the checks tested on methods that are wrong on purpose and on methods that are right; two tolerances beside.

A kill counts only on a case on which the same judge lets the unspoilt method pass: a false alarm kills nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from jaccheck.case import Case
from jaccheck.environment import calm_torch
from jaccheck.errors import InvalidCase
from jaccheck.faults import Fault
from jaccheck.judgement import judge
from jaccheck.laws import LAWS, first_line, observe_globals, restore_globals
from jaccheck.laws.laws import Law, repeatability
from jaccheck.methods import Method, find
from jaccheck.problem import Jacobians
from jaccheck.scores import (
    JUDGES,
    Alarm,
    FalseAlarms,
    FaultScore,
    Judge,
    Kill,
    MutationScore,
    SelftestReport,
)
from jaccheck.verdict import Mode, Outcome, Verdict
from jaccheck.witness import Witness

LawsOf = Callable[[int, Case], tuple[Law, ...]]
"""The laws that are asked on a case, by its position among the cases."""

OnCase = Callable[[int, int], object]

DEVICE = "cpu"
CONFIDENCE = 0.95


def every_law(position: int, case: Case) -> tuple[Law, ...]:
    """All of them, on every case."""
    return LAWS


def repeating_every(count: int) -> LawsOf:
    """All laws, but `repeatability`, which calls the method twice, on every so manyth case only, as profiles do."""
    called_once = tuple(law for law in LAWS if law is not repeatability)
    return lambda position, case: called_once if position % count else LAWS


def without(law: Law, laws_of: LawsOf = every_law) -> LawsOf:
    """The same laws but one."""
    return lambda position, case: tuple(other for other in laws_of(position, case) if other is not law)


def score(
    cases: Sequence[Case],
    faults: Iterable[Fault],
    methods: Iterable[Method],
    *,
    laws_of: LawsOf = every_law,
    on_case: OnCase = lambda done, total: None,
) -> SelftestReport:
    """How many of `faults` each judge kills on these cases, and how often it calls one of the right `methods` wrong.

    Every fault meets the cases in order until all judges have killed it. `on_case(done, total)` is called after each.
    """
    started = time.perf_counter()
    trials = [_FaultTrial(fault) for fault in faults]
    rightful, tally, overflowing = tuple(methods), _AlarmTally(), 0
    with calm_torch():
        for position, case in enumerate(cases):
            try:
                bench = _Bench(Witness(case, DEVICE), laws_of(position, case))
            except InvalidCase:
                overflowing += 1
            else:
                for trial in trials:
                    trial.meet(bench, position + 1)
                for method in rightful:
                    tally.add(bench, method)
            on_case(position + 1, len(cases))
    scores = tuple(trial.score for trial in trials)
    return SelftestReport(
        cases=len(cases),
        overflowing=overflowing,
        faults=scores,
        scores=tuple(_mutation_score(name, scores) for name in JUDGES),
        false_alarms=tally.rates(),
        alarms=tuple(tally.alarms),
        seconds=time.perf_counter() - started,
    )


@dataclass(frozen=True, slots=True)
class _Result:
    """What a call returned, copied at once, or what it raised."""

    jacobians: Jacobians | object
    error: Exception | None = None

    def is_identical(self, other: _Result) -> bool:
        """Whether both are the same, bit by bit, so that no comparison of results can tell them apart."""
        if self.error or other.error or not (_is_plain(self.jacobians) and _is_plain(other.jacobians)):
            return False
        mine, others = _plain(self.jacobians), _plain(other.jacobians)
        return list(mine) == list(others) and all(_identical(mine[name], others[name]) for name in mine)


def _is_plain(jacobians: object) -> bool:
    return isinstance(jacobians, dict) and all(
        isinstance(value, Tensor) and value.layout == torch.strided for value in jacobians.values()
    )


def _plain(jacobians: object) -> Jacobians:
    return jacobians if isinstance(jacobians, dict) else {}


def _identical(one: Tensor, other: Tensor) -> bool:
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    return torch.equal(one, other) or (torch.equal(one.nan_to_num(), other.nan_to_num()) and _same_nan(one, other))


def _same_nan(one: Tensor, other: Tensor) -> bool:
    return torch.equal(one.isnan(), other.isnan()) and torch.equal(one.isinf(), other.isinf())


class _Recorder:
    """A method that does what another does and keeps a copy of what its first call returned."""

    def __init__(self, method: Method) -> None:
        self.result: _Result | None = None
        self._method = method

    def method(self) -> Method:
        """The method to be judged."""
        return replace(self._method, compute=self._compute)

    def _compute(self, problem: object) -> Jacobians:
        try:
            jacobians = self._method.compute(problem)  # type: ignore[arg-type]
        except Exception as error:
            self.result = self.result or _Result({}, error)
            raise
        self.result = self.result or _Result(_copy(jacobians))
        return jacobians


def _copy(jacobians: object) -> object:
    if not _is_plain(jacobians):
        return jacobians
    return {name: value.detach().clone() for name, value in _plain(jacobians).items()}


class _Bench:
    """One case, with everything that is computed once for it and shared by all faults and methods."""

    def __init__(self, witness: Witness, laws: tuple[Law, ...]) -> None:
        self.witness = witness
        self.laws = laws
        self._reference: Jacobians | None = None
        self.template = witness.problem()
        """Only looked at, by the triggers of faults."""
        self._right: dict[str, _Result] = {}
        self._passes: dict[tuple[str, Judge], bool] = {}

    @property
    def case(self) -> Case:
        """The case."""
        return self.witness.case

    @property
    def reference(self) -> Jacobians:
        """Autograd's Jacobians in the dtype of the case."""
        if self._reference is None:
            net, dtype = self.witness.network, getattr(torch, self.case.dtype)
            flat = torch.from_numpy(self.witness.autograd).to(dtype)
            self._reference = {
                name: flat[part].reshape(net.N, net.C, *net.trainable[name]) for name, part in net.offsets().items()
            }
        return self._reference

    def judge(self, method: Method) -> tuple[Verdict, _Result]:
        """jaccheck's verdict, and the result that it was given on."""
        recorder = _Recorder(method)
        verdict = judge(self.case, recorder.method(), device=DEVICE, witness=self.witness, laws=self.laws)
        return verdict, recorder.result or _Result({})

    def call(self, method: Method) -> _Result:
        """The result alone."""
        recorder, before = _Recorder(method), observe_globals(DEVICE)
        with suppress(Exception):  # the recorder has kept it
            recorder.method().compute(self.witness.problem())
        restore_globals(before, observe_globals(DEVICE))
        return recorder.result or _Result({})

    def right(self, base: Method) -> _Result:
        """What an unspoilt method returns."""
        if base.name not in self._right:
            self._right[base.name] = self.call(base)
        return self._right[base.name]

    def passes(self, base: Method, name: Judge) -> bool:
        """Whether a judge lets an unspoilt method pass."""
        if (base.name, name) not in self._passes:
            if name == "jaccheck":
                passed = not _is_alarm(self.judge(base)[0])
            else:
                passed = not _TOLERANCES[name](self.right(base), self.reference)
            self._passes[base.name, name] = passed
        return self._passes[base.name, name]


def _is_alarm(verdict: Verdict) -> bool:
    return verdict.outcome not in (Outcome.AGREES, Outcome.UNSUPPORTED, Outcome.UNDECIDED)


def _structural(result: _Result, reference: Jacobians) -> tuple[str, str] | None:
    """What even a comparison by tolerance sees before it looks at a value: an exception, names, shapes."""
    if result.error:
        return "no exception", first_line(result.error)
    found = result.jacobians
    if not _is_plain(found):
        return "structure", f"returned {type(found).__name__}, or values that are no strided tensors"
    found = _plain(found)
    if list(found) != list(reference):
        return "structure", f"returned Jacobians of {list(found)}, expected {list(reference)}"
    for name, value in reference.items():
        if found[name].shape != value.shape:
            return "structure", f"{name}: shape {tuple(found[name].shape)}, expected {tuple(value.shape)}"
    return None


def _by_allclose(result: _Result, reference: Jacobians) -> tuple[str, str] | None:
    """What `torch.allclose` finds wrong, parameter by parameter."""
    if fault := _structural(result, reference):
        return fault
    for name, value in reference.items():
        found = _plain(result.jacobians)[name]
        if found.dtype != value.dtype:
            return "structure", f"{name}: {found.dtype} did not match {value.dtype}"
        if not torch.equal(found, value) and not torch.allclose(found, value):
            return "values", f"{name}: not close"
    return None


def _by_assert_close(result: _Result, reference: Jacobians) -> tuple[str, str] | None:
    """What `torch.testing.assert_close` finds wrong, parameter by parameter."""
    if fault := _structural(result, reference):
        return fault
    for name, value in reference.items():
        found = _plain(result.jacobians)[name]
        if found.dtype == value.dtype and torch.equal(found, value):
            continue
        try:
            torch.testing.assert_close(found, value)
        except AssertionError as error:
            return "values", f"{name}: {first_line(error)}"
    return None


_TOLERANCES: dict[Judge, Callable[[_Result, Jacobians], tuple[str, str] | None]] = {
    "allclose": _by_allclose,
    "assert_close": _by_assert_close,
}


class _FaultTrial:
    """One fault on its way through the cases."""

    def __init__(self, fault: Fault) -> None:
        self.score = FaultScore(
            name=fault.name,
            kind=fault.kind,
            summary=fault.summary,
            base=fault.base,
            expected=tuple(sorted(fault.expected)),
        )
        self._method = fault.method()
        self._base = find(fault.base)
        self._is_triggered = fault.when

    def meet(self, bench: _Bench, position: int) -> None:
        """Every judge that has not killed it yet looks at its result on one case."""
        waiting = [name for name in JUDGES if self.score.kill(name) is None]
        if not waiting or self._method.refuses(bench.template):
            return
        self.score = replace(self.score, tried=self.score.tried + 1)
        if not self._is_triggered(bench.template):
            return
        kills: dict[str, Any] = {}
        if "jaccheck" in waiting:
            verdict, result = bench.judge(self._method)
            if _is_alarm(verdict) and bench.passes(self._base, "jaccheck"):
                laws = tuple(breach.law for breach in verdict.breaches)
                kills["jaccheck"] = _kill(bench, position, laws, verdict.outcome, verdict.message)
        else:
            result = bench.call(self._method)
        differs = not result.is_identical(bench.right(self._base))
        for name in waiting:
            if name == "jaccheck" or not differs:
                continue
            found = _TOLERANCES[name](result, bench.reference)
            if found and bench.passes(self._base, name):
                outcome = Outcome.CRASHED if result.error else Outcome.DISAGREES
                kills[name] = _kill(bench, position, (found[0],), outcome, found[1])
        self.score = replace(
            self.score, triggered=self.score.triggered + 1, differed=self.score.differed + differs, **kills
        )


def _kill(bench: _Bench, position: int, laws: tuple[str, ...], outcome: Outcome, message: str) -> Kill:
    return Kill(
        after=position,
        family=bench.case.family,
        dtype=bench.case.dtype,
        laws=laws,
        outcome=outcome,
        message=message,
    )


@dataclass(slots=True)
class _AlarmTally:
    """Results of right methods, counted by mode, and which of them each judge calls wrong."""

    alarms: list[Alarm] = field(default_factory=list)
    _results: dict[Mode, int] = field(default_factory=lambda: {"exact": 0, "bound": 0})
    _alarms: dict[tuple[Judge, Mode], int] = field(default_factory=dict)

    def add(self, bench: _Bench, method: Method) -> None:
        """Judges one right method on one case, unless it refuses it or nothing of it can be decided."""
        if method.refuses(bench.template):
            return
        expectation = bench.witness.expectation(method)
        if expectation.undecided == len(expectation.bound):
            return
        verdict, result = bench.judge(method)
        self._results[expectation.mode] += 1
        if _is_alarm(verdict):
            self.alarms.append(Alarm(method=method.name, case=repr(bench.case), message=verdict.message))
            self._count("jaccheck", expectation.mode)
        for name, find_fault in _TOLERANCES.items():
            if find_fault(result, bench.reference):
                self._count(name, expectation.mode)

    def _count(self, name: Judge, mode: Mode) -> None:
        self._alarms[name, mode] = self._alarms.get((name, mode), 0) + 1

    def rates(self) -> tuple[FalseAlarms, ...]:
        """One row for each mode and judge."""
        return tuple(
            FalseAlarms(
                judge=name,
                mode=mode,
                results=results,
                alarms=self._alarms.get((name, mode), 0),
                upper_limit=_limits(self._alarms.get((name, mode), 0), results)[1],
            )
            for mode, results in self._results.items()
            for name in JUDGES
        )


def _mutation_score(name: Judge, scores: tuple[FaultScore, ...]) -> MutationScore:
    killed = sum(score.kill(name) is not None for score in scores)
    return MutationScore(judge=name, killed=killed, faults=len(scores), lower_limit=_limits(killed, len(scores))[0])


def _limits(count: int, of: int) -> tuple[float, float]:
    """One-sided limits of a share, each at 95 % (Clopper and Pearson); nothing is known of a share of nothing."""
    from scipy.stats import binomtest

    if not of:
        return 0.0, 1.0
    lower = binomtest(count, of, alternative="greater").proportion_ci(CONFIDENCE, method="exact").low
    upper = binomtest(count, of, alternative="less").proportion_ci(CONFIDENCE, method="exact").high
    return float(lower), float(upper)
