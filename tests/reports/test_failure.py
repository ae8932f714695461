"""A failure is data: its message is rendered from typed details, its key says which failures are the same."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from jaccheck_support.testing import ENVIRONMENT

from jaccheck.case import Case
from jaccheck.core import End, How, from_json, to_json
from jaccheck.reports import (
    CaseFile,
    Changed,
    Detail,
    Ended,
    Exceeded,
    Failure,
    Held,
    Outcome,
    OutdatedClaim,
    Place,
    Raised,
    Report,
    SharedMemory,
    Told,
    WorstEntry,
    WrongEntry,
    WrongStructure,
    WrongTotal,
    changed,
    load,
    raised,
)

WORST = WorstEntry(parameter="0.weight", index=(0, 1, 2), actual=1.5, expected=-1.5, bound=0.0, wrong=15, entries=168)
ENTRY = "0.weight[0, 1, 2]: 1.5 instead of -1.5 (must be equal); 15 of 168 entries wrong"

DETAILS: list[tuple[Detail, str, str]] = [
    (WrongEntry(worst=WORST), ENTRY, "negated"),
    (
        WrongEntry(worst=WORST, contradicts=("closed form", "autograd"), pattern="negated"),
        f"{ENTRY}, says closed form and autograd; negated",
        "negated",
    ),
    (WrongEntry(worst=WORST, contradicts=("autograd",), is_alone=True), f"{ENTRY}, says autograd alone", "negated"),
    (
        WrongStructure(aspect="type", actual="list", expected="a dict of tensors"),
        "returned list, expected a dict of tensors",
        "type",
    ),
    (
        WrongStructure(aspect="dtype", parameter="0.bias", actual="torch.float64", expected="torch.float32"),
        "0.bias: dtype torch.float64, expected torch.float32",
        "dtype",
    ),
    (Raised(error_type="ValueError", error_text="size 3 of a"), "ValueError: size 3 of a", "ValueError size"),
    (Ended(end=End(how=How.SIGNAL, code=11)), "the process was ended by SIGSEGV", "signal 11"),
    (Ended(end=End(how=How.TIME, seconds=60.0)), "not done after 60 s", "time "),
    (Exceeded(what="memory", most_bytes=2**32), "out of memory: it took more than 4 GiB", "memory"),
    (Exceeded(what="output", most_bytes=2**26), "wrote more than 64 MiB to standard output and error", "output"),
    (
        changed([("grad", "0.weight.grad is left behind"), ("values", "the values of X changed")]),
        "0.weight.grad is left behind; the values of X changed",
        "grad values",
    ),
    (
        SharedMemory(one=Place(role="Jacobian", name="0.bias"), other=Place(role="gradient", name="0.bias")),
        "J['0.bias'] shares memory with 0.bias.grad",
        "Jacobian gradient",
    ),
    (
        SharedMemory(one=Place(role="Jacobian", name="0.bias"), other=Place(role="input")),
        "J['0.bias'] shares memory with X",
        "Jacobian input",
    ),
    (Held(module="", jacobians=2), "the network is held in memory after the call, beside 2 Jacobians", "network"),
    (Held(module="0.1", jacobians=2), "its module 0.1 is held in memory after the call, beside 2 Jacobians", "module"),
    (
        WrongTotal(parameter="0.bias", actual=1.0, expected=2.0, bound=0.0, wrong=1, numbers=3),
        "0.bias summed over samples and outputs: 1 instead of 2 (bound 0.0e+00); 1 of 3 numbers wrong",
        "parameter",
    ),
    (
        WrongTotal(layer="2", actual=1.0, expected=2.0, bound=0.5, wrong=1, numbers=3),
        "f by the weight of layer 2 and the biases from there on: 1 instead of 2 (bound 5.0e-01); 1 of 3 numbers wrong",
        "layer",
    ),
    (
        OutdatedClaim(claim="takes no Conv2d"),
        "it claims «takes no Conv2d», but its result is right: the claim is out of date",
        "Conv takes",
    ),
    (Told(text="once 3 were wrong"), "once 3 were wrong", "once were wrong"),
]


@pytest.mark.parametrize(("detail", "message", "key"), DETAILS, ids=lambda each: str(each)[:30])
def test_message_and_key_follow_from_the_details(detail: Detail, message: str, key: str) -> None:
    """Both ways through JSON, and with the call in which it was seen."""
    failure = Failure(law="agreement", outcome=Outcome.DISAGREES, detail=detail)
    assert (failure.message, failure.key) == (message, key)
    assert from_json(Failure, to_json(failure), where="here") == failure
    second = replace(failure, call="second call").message
    assert second == f"second call: {'raised ' if isinstance(detail, Raised) else ''}{message}"


@pytest.mark.parametrize(
    ("actual", "expected", "key"),
    [
        (float("nan"), 1.0, "not finite"),
        (float("inf"), 1.0, "not finite"),
        (0.0, 1.0, "zero"),
        (-1.0, 1.0, "negated"),
        (1.001, 1.0, "nearly right"),
        (3.0, 1.0, "another value"),
    ],
)
def test_how_an_entry_is_off_is_its_key(actual: float, expected: float, key: str) -> None:
    """Whatever the numbers, shapes and parameters of the case are."""
    worst = replace(WORST, actual=actual, expected=expected)
    assert Failure(law="batch", outcome=Outcome.DISAGREES, detail=WrongEntry(worst=worst)).key == key


@pytest.mark.parametrize(
    ("actual", "expected", "bound", "told"),
    [
        (1.00000001, 1.0, 1e-12, "1.00000001 instead of 1 (1.0e+04 × bound 1.0e-12)"),
        (3.0, 0.0, 1e-310, "3 instead of 0 (must be zero)"),
        (1.0, -0.0, 0.0, "1 instead of 0 (must be equal)"),
        (-8e-29, 2e-32, 1e-38, "-8e-29 instead of 2e-32 (8.0e+09 × bound 1.0e-38)"),
        (math.nan, 1.0, 1e-9, "nan instead of 1 (not finite)"),
        (math.inf, 1.0, 1e-9, "inf instead of 1 (not finite)"),
        (2.0, math.nan, 1e-9, "2 instead of nan (must not be finite)"),
        (1e10, 2.0, 1e-12, "1e+10 instead of 2 (more than 1e+15 × bound 1.0e-12)"),
    ],
)
def test_a_message_says_how_far_in_words_that_mean_something(
    actual: float, expected: float, bound: float, told: str
) -> None:
    """With the digits in which the numbers differ, and no multiple of nothing."""
    worst = replace(WORST, actual=actual, expected=expected, bound=bound)
    assert str(worst) == f"0.weight[0, 1, 2]: {told}; 15 of 168 entries wrong"


def test_numbers_that_are_not_finite_survive_json() -> None:
    """Where a failure goes from process to process they do, as everywhere."""
    worst = replace(WORST, actual=float("-inf"), expected=float("inf"))
    total = WrongTotal(layer="2", actual=float("inf"), expected=1.0, bound=0.5, wrong=1, numbers=3)
    for detail in (WrongEntry(worst=worst), Told(text="", worst=worst), total):
        failure = Failure(law="agreement", outcome=Outcome.DISAGREES, detail=detail)
        assert from_json(Failure, to_json(failure), where="here") == failure
    nan = Failure(law="agreement", outcome=Outcome.DISAGREES, detail=WrongEntry(worst=replace(WORST, actual=math.nan)))
    read = from_json(Failure, to_json(nan), where="here").worst
    assert read is not None
    assert math.isnan(read.actual)


def test_numbers_in_an_exception_do_not_tell_failures_apart() -> None:
    """Its type and its words do."""
    one = raised(RuntimeError("shape [2, 3] is invalid for input of size 12\nmore"))
    assert one == Raised(error_type="RuntimeError", error_text="shape [2, 3] is invalid for input of size 12")
    assert one.key == raised(RuntimeError("shape [4] is invalid for input of size 7")).key
    assert one.key != raised(ValueError("shape [4] is invalid for input of size 7")).key
    assert one.key != raised(RuntimeError("dtype [4] is invalid for input of size 7")).key


def test_many_changes_are_counted() -> None:
    """Three are told, all aspects are in the key, each once."""
    detail = changed([("grad", f"{i}.grad is left behind") for i in range(5)] + [("values", "the values of X changed")])
    assert str(detail) == "0.grad is left behind; 1.grad is left behind; 2.grad is left behind and 3 more"
    assert detail == Changed(aspects=("grad", "values"), changes=detail.changes, count=6)


OLD_FINDING = """{"id": "5d37eeac96", "method": "%s", "device": "cpu", "law": "agreement", "outcome": "DISAGREES",
"message": "0.weight[0, 0, 0]: 1.5 instead of -1.5 (must be equal); 1 of 2 entries wrong, says autograd alone",
"seen": 3, "case": %s, "script": "print()", "worst": {"parameter": "0.weight", "index": [0, 0, 0], "actual": 1.5,
"expected": "NaN", "bound": "Infinity", "wrong": 1, "entries": 2, "around": null}}"""

OLD_REPORT = """{"schema_version": 1, "settings": {"profile": "quick", "seed": 1, "max_examples": null, "time": null,
"methods": ["autograd_loop"], "devices": ["cpu"], "dtypes": ["float64"], "families": ["generic"], "part": null},
"environment": %s, "totals": {"cases": 2, "comparisons": 4, "entries": 8, "undecided": 0, "overflowing": 0,
"not_computed": 0, "outcomes": {"AGREES": 1, "DISAGREES": 1, "SIDE_EFFECT": 0, "CRASHED": 0, "HUNG": 0,
"UNSUPPORTED": 0, "UNDECIDED": 0, "KNOWN": 0}, "modes": {"exact": 4, "bound": 0, "estimate": 0}, "seconds":
{"total": 60.4, "methods": 59.0, "reference": 4.0, "oracle": 5.9, "drawing": 2.1, "shrinking": 0.0}},
"coverage": [{"method": "autograd_loop", "device": "cpu", "dtype": "float64", "family": "generic", "cases": 2,
"compared": 2, "entries": 8, "nonzero": 7, "undecided": 0, "refused": 0, "known": 0}], "findings": [%s],
"tightness": [], "given_up": [], "interrupted": false}"""


def test_a_report_of_version_1_is_read(case: Case, tmp_path: Path) -> None:
    """A finding's message and worst entry are what they were."""
    path = tmp_path / "old.json"
    path.write_text(OLD_REPORT % (to_json(ENVIRONMENT), OLD_FINDING % ("autograd_loop", to_json(case))))
    (finding,) = load(Report, path).findings
    assert (finding.law, finding.outcome, finding.seen) == ("agreement", Outcome.DISAGREES, 3)
    assert finding.message.endswith("1 of 2 entries wrong, says autograd alone")
    assert finding.worst is not None
    assert (finding.worst.actual, finding.worst.bound) == (1.5, float("inf"))


@pytest.mark.parametrize(("was", "now"), [("autograd_loop",) * 2, ("fault:sign", "mutant:sign")])
def test_a_case_file_of_version_1_is_read(case: Case, tmp_path: Path, was: str, now: str) -> None:
    """With its finding, whose method may be a mutant, which was called a fault; and without one."""
    path = tmp_path / "old.json"
    finding = OLD_FINDING % (was, to_json(case))
    path.write_text(f'{{"schema_version": 1, "cases": [{to_json(case)}], "finding": {finding}}}')
    found = load(CaseFile, path)
    assert found.cases == (case,)
    assert found.finding is not None
    assert (found.finding.method, found.finding.case) == (now, case)
    path.write_text(json.dumps({"schema_version": 1, "cases": [json.loads(to_json(case))], "finding": None}))
    assert load(CaseFile, path).finding is None


def test_half_a_pair_of_surrogates_is_spelled_out() -> None:
    """It is no character, and no JSON: a text of somebody else's may hold it all the same."""
    told = Failure(law="agreement", outcome=Outcome.CRASHED, detail=Told(text="\ud800 and é and \U0001f600"))
    assert from_json(Failure, to_json(told), where="here").message == r"\ud800 and é and 😀"
    worst = replace(WORST, actual=math.nan)
    told = replace(told, detail=WrongEntry(worst=worst), call="\udc80")
    again = from_json(Failure, to_json(told, indent=2), where="here")
    assert again.call == r"\udc80"
    assert again.worst is not None
    assert math.isnan(again.worst.actual)
