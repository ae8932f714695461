"""Cases with a loss: their closed form is right, right methods are not blamed, wrong factors are found, scripts run."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from jaccheck.case import Case, boundary_cases, draw_cases
from jaccheck.judging import CaseReference, case_reference, judge, write_script
from jaccheck.judging.laws.shares import SHARES
from jaccheck.methods import Problem, build, divisor_of, registered, round_sample
from jaccheck.reports import Failure, Outcome
from jaccheck.selftest import catalogue

BOUNDARY = boundary_cases("losses", "float32")
DRAWN = [
    case
    for dtype in ("float64", "float32", "float16")
    for case in draw_cases("losses", (dtype,), seed_number=2, count=3)
]


def own_loss(case: Case, f: Tensor, n: int) -> Tensor:
    """The loss of sample n alone, from its outputs `(1, width)`, by torch's functions on the numbers of the case."""
    loss, held = case.loss, round_sample(case).buffers
    assert loss is not None
    y, w = held["targets"][n : n + 1], held.get("loss_weight")
    y, w = (y.double() if y.is_floating_point() else y), (None if w is None else w.double())
    match loss.kind:
        case "MSELoss":
            return ((f - y) ** 2).sum()
        case "NLLLoss":
            return functional.nll_loss(f, y, weight=w, ignore_index=loss.ignore_index, reduction="sum")
        case "CrossEntropyLoss":
            options: dict[str, Any] = {"ignore_index": loss.ignore_index, "label_smoothing": loss.label_smoothing}
            return functional.cross_entropy(f, y, weight=w, reduction="sum", **options)
        case "BCEWithLogitsLoss":
            return functional.binary_cross_entropy_with_logits(f, y, pos_weight=w, reduction="sum")


def own_gradients(case: Case) -> np.ndarray:
    """Each sample's own gradients, flat, in float64, one sample at a time."""
    network = build(replace(case, loss=None, dtype="float64")).model
    numbers = round_sample(case)
    with torch.no_grad():
        for name, p in network.named_parameters():
            p.copy_(numbers.parameters[name])
    rows = numbers.buffers["inputs"].double()
    found = [
        torch.autograd.grad(own_loss(case, network(rows[n : n + 1]), n), [*network.parameters()])
        for n in range(case.batch_size)
    ]
    parts = [torch.stack(each).flatten() for each in zip(*found, strict=True)]
    return torch.cat(parts).numpy() if parts else np.zeros(0)


@pytest.mark.parametrize("case", [*BOUNDARY, *DRAWN], ids=str)
def test_the_closed_form_is_that_of_one_sample_at_a_time(case: Case) -> None:
    """In float64 nothing is left of the difference, whatever the dtype that the numbers were rounded to."""
    expected = own_gradients(case)
    found = CaseReference(case, "cpu").jacobian
    assert (np.abs(found - expected) <= 1e-11 * (1 + np.abs(expected).max(initial=0))).all()


@pytest.mark.parametrize(
    "name", ["vmap_vjp", "vmap_jacfwd", "hooks", "loss_batch_grad", "loss_vmap_grad", "loss_expanded_weights"]
)
def test_right_methods_are_not_blamed(name: str) -> None:
    """On boundary and random cases every law holds, and most cases are decided."""
    outcomes = [judge(case, registered()[name]).outcome for case in (*BOUNDARY, *DRAWN)]
    assert {*outcomes} <= {Outcome.AGREES, Outcome.UNSUPPORTED, Outcome.UNDECIDED}
    assert outcomes.count(Outcome.AGREES) > len(outcomes) / 3


@pytest.mark.parametrize("name", [name for name, mutant in catalogue().items() if mutant.kind == "losses"])
def test_each_mutant_of_a_loss_is_killed(name: str) -> None:
    """By agreement, on boundary cases of the family, in float32."""
    mutant = catalogue()[name]
    triggered = [case for case in BOUNDARY if mutant.when(build(case))]
    verdicts = [judge(case, mutant.method()) for case in triggered]
    laws = {failure.law for verdict in verdicts for failure in verdict.failures}
    assert triggered
    assert "agreement" in laws


def test_a_wrong_divisor_breaks_the_law_of_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where every method has the same wrong factor: torch's own gradient of the loss is another one."""
    case = BOUNDARY[9]
    assert divisor_of(build(case)) != case.batch_size
    method = registered()["vmap_vjp"]
    assert judge(case, method, laws=(SHARES,)).outcome is Outcome.AGREES or not judge(case, method).failures
    monkeypatch.setattr(case_reference, "divisor", lambda call: float(len(call.X)))
    (failure,) = judge(case, method, laws=(SHARES,)).failures
    assert failure.law == "shares"


def _run(script: str, tmp_path: Path) -> tuple[str, str]:
    """What a script prints as actual and as expected."""
    path = tmp_path / "finding.py"
    path.write_text(script)
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=False)
    lines = [line.split() for line in done.stdout.splitlines()]
    assert len(lines) == 2, done.stderr
    return lines[0][1], lines[1][1]


@pytest.mark.full
@pytest.mark.parametrize("name", ["loss_batch_grad", "loss_autograd_loop", "vmap_vjp"])
def test_a_script_shows_the_entry_without_jaccheck(name: str, tmp_path: Path) -> None:
    """The source of a right method prints the right entry, that of shares too; so a wrong one would show."""
    case, method = BOUNDARY[13], registered()[name]
    wrong = replace(method, compute=lambda problem: {n: 2 * j for n, j in method.compute(problem).items()})
    script = write_script(case, method, "cpu", _failure(case, wrong))
    assert "jaccheck" not in script
    actual, expected = _run(script, tmp_path)
    assert abs(float(actual) - float(expected)) <= 1e-4 * abs(float(expected))


@pytest.mark.full
def test_a_script_of_a_mutant_shows_its_fault(tmp_path: Path) -> None:
    """The mutant is taken from jaccheck; network and loss are as in the case."""
    case, mutant = BOUNDARY[13], catalogue()["share_for_own"].method()
    actual, expected = _run(write_script(case, mutant, "cpu", _failure(case, mutant)), tmp_path)
    assert abs(float(actual) * divisor_of(build(case)) / float(expected) - 1) < 1e-4


@pytest.mark.full
def test_a_sum_of_shares_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The law's own script: the sum over samples beside the gradient of the loss, which a right method has too."""
    case, method = BOUNDARY[9], registered()["vmap_vjp"]
    monkeypatch.setattr(case_reference, "divisor", lambda call: float(len(call.X)))
    failure = judge(case, method, laws=(SHARES,)).failures[0]
    path = tmp_path / "finding.py"
    path.write_text(write_script(case, method, "cpu", failure))
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=True)
    actual, expected = (
        torch.tensor(eval(line.partition("[")[1] + line.partition("[")[2])) for line in done.stdout.splitlines()
    )
    assert torch.allclose(actual, expected, atol=1e-5)


def _failure(case: Case, method: Any) -> Failure:
    return judge(case, method).failures[0]


def test_a_network_with_a_loss_has_names_of_its_layers_only() -> None:
    """Methods see the same parameters as without the loss, and no module more."""
    problem = build(BOUNDARY[9])
    assert isinstance(problem, Problem)
    assert isinstance(problem.model, nn.Sequential)
    assert list(problem.parameters) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert problem.model(problem.X).shape == (4, 1)
