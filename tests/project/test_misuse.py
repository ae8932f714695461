"""Each public function, and each of its arguments, with what it does not take: one line, and nothing is computed."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import jaccheck
from jaccheck.case import draw_cases
from jaccheck.conformance import conforms
from jaccheck.errors import JaccheckError
from jaccheck.methods import find_method
from jaccheck.reports import CaseFile

MODEL, X = torch.nn.Linear(3, 2), torch.ones(4, 3)
Y, LOSS = torch.ones(4, 2), torch.nn.MSELoss()
GRADIENTS = jaccheck.gradients(MODEL, X, Y, LOSS)
CASE = draw_cases("generic", ("float64",), seed_number=1, count=1)[0]


def no_method(problem: jaccheck.Problem) -> jaccheck.Jacobians:
    """It is never called."""
    raise NotImplementedError


CALLS: dict[str, tuple[Callable[..., object], dict[str, Any]]] = {
    "judge": (jaccheck.judge, {"case": CASE, "method": find_method("outer_products")}),
    "build": (jaccheck.build, {"case": CASE}),
    "cases": (jaccheck.cases, {}),
    "method": (jaccheck.method, {"family": "mine"}),
    "a decorated function": (jaccheck.method(family="mine"), {"function": no_method}),
    "jacobians": (jaccheck.jacobians, {"model": MODEL, "X": X}),
    "gradients": (jaccheck.gradients, {"model": MODEL, "X": X, "y": Y, "loss": LOSS}),
    "assert_jacobians_right": (
        jaccheck.assert_jacobians_right,
        {"actual": jaccheck.jacobians(MODEL, X), "model": MODEL, "X": X},
    ),
    "assert_gradients_right": (
        jaccheck.assert_gradients_right,
        {"actual": GRADIENTS, "model": MODEL, "X": X, "y": Y, "loss": LOSS, "returns": "own"},
    ),
    "check": (jaccheck.check, {"model": MODEL, "X": X}),
    "verify": (jaccheck.verify, {"methods": ["outer_products"]}),
    "check_method": (jaccheck.check_method, {"method": "outer_products"}),
    "plot": (jaccheck.plot, {"what": MODEL, "X": X}),
    "load": (jaccheck.load, {"path": "absent.json"}),
    "save": (jaccheck.save, {"report": CaseFile(cases=(CASE,)), "path": "x.json"}),
    "conforms": (conforms, {"method": "outer_products"}),
}

ODD = {
    "None": lambda: None,
    "an object": object,
    "a number": lambda: -3,
    "a list of None": lambda: [None],
    "an empty dict": dict,
    "a generator": lambda: (name for name in ["float64"]),
    "bytes": lambda: b"x",
    "a class": lambda: torch.nn.Linear,
}

MEANT = {
    ("None", name)
    for name in (
        *("reference", "asked", "around", "tensors", "family", "loss", "spreads", "missing", "package", "imports"),
        *("output", "method", "out", "targets", "memory", "listener", "seed", "max_examples", "seconds", "figure"),
        *("expected_failures",),
    )
} | {
    *(("an empty dict", name) for name in ("batch_axis", "actual", "out", "expected_failures", "leaves")),
    *(("a generator", name) for name in ("leaves",)),
    *(("a class", name) for name in ("function", "unsupported", "roundings", "spreads", "loss", "method", "methods")),
    *(("a number", name) for name in ("step",)),
    *((odd, "is_timed") for odd in ODD),
}
"""What some function takes: it is not tried, or would be computed with."""

TRIED = [
    (name, argument) for name, (function, _) in CALLS.items() for argument in inspect.signature(function).parameters
]


def is_meant(name: str, argument: str, odd: str) -> bool:
    """Whether the function takes it; `conforms` takes no None, which a method elsewhere may be."""
    return (odd, argument) in MEANT and (name, argument, odd) != ("conforms", "method", "None")


@pytest.mark.parametrize(("name", "argument"), TRIED, ids=lambda each: each.replace(" ", "_"))
def test_what_is_not_meant_is_one_line(
    name: str, argument: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of jaccheck's own; never one out of the middle of it, and never an answer. Nothing is written."""
    monkeypatch.chdir(tmp_path)
    function, good = CALLS[name]
    for odd, make in ODD.items():
        if is_meant(name, argument, odd):
            continue
        with pytest.raises(AssertionError if argument == "actual" else JaccheckError) as raised:
            function(**{**good, argument: make()})
        assert str(raised.value), odd
        assert "\n" not in str(raised.value), odd
    assert not any(tmp_path.iterdir())
