"""One architecture and seed: what `jaccheck.check` says, and what of it is not true."""

from __future__ import annotations

import io
import resource
import time
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from rich.console import Console
from torch import Tensor, nn

import jaccheck
from jaccheck.errors import InvalidModel
from jaccheck.judging.doubling import default_dtype
from jaccheck.methods import Method, Problem, choose_methods, copy_of, problem_of
from jaccheck.rendering import print_model_report
from jaccheck.reports import MethodAnswer, ModelReport, Outcome, WorstEntry

from . import Architecture
from .loop import Called, Truth, called_directly, truth_of, verdicts
from .planted import PLANTED, planted

MEMORY = 4 << 30
"""Bytes that a check may use, so that two fit on a small machine."""

VERIFIED = (Outcome.AGREES, Outcome.CONSISTENT, Outcome.DISAGREES, Outcome.CRASHED, Outcome.UNDECIDED)
"""What a method was called that its own call can contradict."""

Row = dict[str, Any]

SECONDS = 600.0
"""Wall time of a check, ten times what it is by default: other work on the machine is not to leave methods out."""


def row_of(architecture: Architecture, seed: int, without: Sequence[str] = ()) -> tuple[Row, str]:
    """The row of the table as plain data, and the answer as a user reads it."""
    model, X = architecture.make(seed)
    row: Row = {"name": architecture.name, "package": architecture.package, "version": architecture.version}
    row |= {"seed": seed, "false": [], "unclear": []}
    try:
        truth = truth_of(model, X)
    except Exception as error:
        refused, text = _refused(model, X, f"{type(error).__name__}: {error}".split("\n")[0])
        return row | refused, text
    row |= {
        "numbers": sum(block[0, 0].numel() for block in truth.blocks),
        "N": truth.blocks[0].shape[0],
        "C": truth.blocks[0].shape[1],
        "truth": str(truth.dtype).removeprefix("torch."),
        "own_distance": truth.own_distance,
    }
    methods = tuple(m for m in choose_methods([]) if m.name not in without)
    return _answered(row, model, X, architecture.make(seed + 1000)[1], truth, methods)


def _refused(model: nn.Module, X: Any, reason: str) -> tuple[Row, str]:
    """Of a model that the loop cannot differentiate for that reason: the only true answer is a refusal."""
    started, cpu = time.perf_counter(), time.process_time()
    try:
        report = jaccheck.check(model, X, memory=MEMORY, seconds=SECONDS)
    except InvalidModel as error:
        return _cost(started, cpu) | {"refused": str(error), "loop_raised": reason}, str(error)
    return {"refused": "", "false": [f"answers, though the loop raises {reason}"]}, _as_read(report)


def _answered(
    row: Row, model: nn.Module, X: Any, other: Any, truth: Truth, methods: Sequence[Method]
) -> tuple[Row, str]:
    """Of a model that the loop differentiates."""
    wrong, row["other_block"] = planted(model, X, other, truth.blocks)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    started, cpu = time.perf_counter(), time.process_time()
    try:
        report = jaccheck.check(model, X, methods=[*methods, *wrong], memory=MEMORY, seconds=SECONDS)
    except InvalidModel as error:
        return row | _cost(started, cpu) | {"refused": str(error)}, str(error)
    row |= _cost(started, cpu)
    changed = [n for n, value in model.state_dict().items() if not torch.equal(value, before[n])]
    problem = problem_of(model, X)
    asked = [*(m for m in methods if _is_verified(report.answer(m.name))), *wrong]
    calls = {m.name: _calls(m, problem, truth) for m in asked}
    judged = {name: verdicts(*pair, truth) for name, pair in calls.items()}
    false, unclear = [], []
    for is_false, sentence in statements(report, row, truth, calls, model):
        (false if is_false else unclear).append(sentence)
    if changed:
        false.append(f"check changed the user's model: {', '.join(changed)}")
    row |= {
        "refused": "",
        "reference": report.reference,
        "judged_by": report.judged_by,
        "recommended": report.recommended,
        "advice": report.advice,
        "answers": {a.method: _answer(a) for a in report.answers},
        "loop": {
            name: [*judged[name], *(each and (each.distance or each.raised) for each in calls[name])] for name in calls
        },
        "planted": {name: _is_found(report.answer(name)) for name in PLANTED},
        "false": false,
        "unclear": unclear,
    }
    return row, _as_read(report)


def _is_verified(answer: MethodAnswer) -> bool:
    return answer.outcome in VERIFIED or answer.in_float64 in VERIFIED


def _is_found(answer: MethodAnswer) -> bool:
    return Outcome.DISAGREES in (answer.outcome, answer.in_float64)


def _cost(started: float, cpu: float) -> Row:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": time.perf_counter() - started, "cpu_s": time.process_time() - cpu, "peak_rss": peak}


def _answer(answer: MethodAnswer) -> Row:
    return {
        "own": str(answer.outcome),
        "own_by": answer.comparison,
        "own_ratio": answer.test_ratio,
        "own_undecided": answer.undecided / answer.entries if answer.entries else 0.0,
        "own_message": answer.message,
        "float64": str(answer.in_float64 or ""),
        "float64_by": answer.comparison_in_float64,
        "float64_ratio": answer.test_ratio_in_float64,
        "float64_undecided": answer.undecided_in_float64 / answer.entries if answer.entries else 0.0,
        "float64_message": answer.message_in_float64,
        "remedy": answer.remedy,
    }


def _as_read(report: ModelReport) -> str:
    console = Console(file=io.StringIO(), width=150)
    print_model_report(report, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def _calls(method: Method, problem: Problem, truth: Truth) -> tuple[Called, Called | None]:
    """The method called on fresh copies: in the model's own dtype, and in float64 where the model runs in it.

    Then float64 is the default dtype, too, as where jaccheck judges: a model or method may make tensors of it.
    """

    def compute(dtype: torch.dtype) -> Sequence[Tensor]:
        own = copy_of(problem)
        if dtype != truth.own_dtype:
            own.model = own.model.to(dtype)
            own.X = own.X.to(dtype) if own.X.is_floating_point() else own.X
        names = list(own.parameters)  # a call may leave the model with its parameters in another order
        found = method.compute(own)
        return [found[name] for name in names]

    in_own = called_directly(lambda: compute(truth.own_dtype), truth)
    if truth.dtype == truth.own_dtype:
        return in_own, None
    with default_dtype(truth.dtype):
        return in_own, called_directly(lambda: compute(truth.dtype), truth)


def statements(
    report: ModelReport, row: Row, truth: Truth, calls: dict[str, tuple[Called, Called | None]], model: nn.Module
) -> Iterator[tuple[bool, str]]:
    """Each statement of the report that is false, with True, or that the loop cannot settle, with False."""
    sizes = [row[key] for key in ("N", "C", "numbers")]
    if [report.N, report.C, report.parameters] != sizes:
        yield True, f"N, C, numbers = {report.N}, {report.C}, {report.parameters}, not {sizes}"
    right = []
    for name, (own, precise) in calls.items():
        answer, judged = report.answer(name), verdicts(own, precise, truth)
        if judged[0] == "right" and judged[1] in ("", "right"):
            right.append(name)
        told = f"(autograd's own distance {truth.own_distance:.1e})"
        found = [*_one(f"{name} in its own dtype", answer.outcome, answer.message, judged[0], own, told)]
        if answer.in_float64 and precise:
            in_float64 = answer.in_float64, answer.message_in_float64
            found += _one(f"{name} in float64", *in_float64, judged[1], precise, "")
        # A planted method is wrong; where it is so by less than the loop sees, the loop settles nothing.
        is_settled = name not in PLANTED or "wrong" in judged
        yield from ((is_false and is_settled, sentence) for is_false, sentence in found)
        for worst in (answer.worst if answer.outcome is Outcome.DISAGREES else None, answer.worst_in_float64):
            if worst is not None and _is_found(answer):
                yield from _values(name, worst, truth, model)
    if report.recommended and report.recommended not in right:
        yield True, f"recommends {report.recommended}, which is not right"
    if not report.recommended and right:
        yield True, f"recommends nothing ({report.advice}), though {', '.join(right)} are right"
    for name in PLANTED:
        own, precise = calls[name]
        if "wrong" not in verdicts(own, precise, truth):
            yield False, f"planted {name} is no wrong method here"
        if not _is_found(report.answer(name)):
            yield True, f"planted {name} is called {report.answer(name).outcome}: {report.answer(name).message}"


def _one(
    what: str, outcome: Outcome, message: str, verdict: str, found: Called, told: str
) -> Iterator[tuple[bool, str]]:
    """Of one answer in one dtype."""
    sentence = f"{what} {outcome}: {message} — called directly: {verdict} {found.distance} {found.raised} {told}"
    match outcome, verdict:
        case (Outcome.AGREES | Outcome.CONSISTENT, "wrong" | "raised") | (Outcome.DISAGREES, "right" | "raised"):
            yield True, sentence
        case Outcome.CRASHED, "right" | "wrong" | "unclear" | "hidden":
            yield True, sentence
        case Outcome.CRASHED, "raised" if found.raised.partition(":")[0] not in message:
            yield True, sentence
        case Outcome.AGREES | Outcome.CONSISTENT | Outcome.DISAGREES, "unclear":
            yield False, sentence


def _values(name: str, worst: WorstEntry, truth: Truth, model: nn.Module) -> Iterator[tuple[bool, str]]:
    """Whether the value that a wrong entry should have is the loop's."""
    names = [name for name, p in model.named_parameters() if p.requires_grad]
    if worst.parameter not in names:
        yield True, f"{name}: parameter {worst.parameter!r} is not one of the user's model"
        return
    block = truth.blocks[names.index(worst.parameter)]
    expected = float(block[tuple(worst.index)])
    scale = float(block[tuple(worst.index[:2])].abs().max())
    if not abs(float(worst.expected) - expected) <= 1e-4 * max(scale, 1e-300):
        yield (
            True,
            f"{name}: says {worst.expected} is right at {worst.parameter}{list(worst.index)}, the loop {expected}",
        )
