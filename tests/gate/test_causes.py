"""What several methods show of one cause is told once, with their names, wherever a gate's report is read."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from jaccheck_support.example_reports.upgrades import gate_report
from jaccheck_support.mutated_copies import ELU, BackpackMutant, Edit, mutated_copy
from jaccheck_support.testing import Run

from jaccheck.case import ReLU
from jaccheck.core import from_json
from jaccheck.rendering import SafeConsole, gate_answer, gate_markdown, gate_page, print_gate
from jaccheck.reports import GateReport, Kind

METHODS = ("sqrt_ggn_sum", "sqrt_ggn_layers", "sqrt_ggn_mean")
"""All of one extension, whose rules they share."""


def told(report: GateReport) -> str:
    """What a terminal shows."""
    out = io.StringIO()
    print_gate(report, SafeConsole(file=out, width=200))
    return out.getvalue()


def told_once(report: GateReport) -> None:
    """One heading, one case, one row, one regression, for three methods."""
    text = told(report)
    (heading,) = re.findall(r"^broken: (.*) on cpu", text, re.MULTILINE)
    first, *others = heading.split(", ")
    assert {first, *others} == set(METHODS)
    assert text.count("The smallest case found:") == 1
    assert f"one cause in 3 methods; this is {first}" in text
    assert gate_answer(report).startswith("1 regression (in 3 methods): ")
    rows = re.findall(r"^\| 🔴 broken .*$", gate_markdown(report), re.MULTILINE)
    assert len(rows) == 1
    assert all(name.replace("_", r"\_") in rows[0] for name in METHODS)
    page = gate_page(report)
    assert page.count("The smallest case") == 1
    assert all(name in page for name in METHODS)


def test_one_cause_is_told_once() -> None:
    """The same kind of change, on the same kind of case, in the same dtype, with the same outcome."""
    report = gate_report()
    broken = report.changes[0]
    found = tuple(replace(broken, id=name, method=name) for name in METHODS)
    told_once(replace(report, changes=found))


def test_two_causes_are_two() -> None:
    """Of another kind, on another kind of case, in another dtype, with another outcome, accepted, or elsewhere."""
    report = gate_report()
    broken = report.changes[0]
    assert broken.case is not None
    relu = replace(broken.case, layers=(broken.case.layers[0], ReLU()))
    for other in (
        replace(broken, kind=Kind.FIXED),
        replace(broken, candidate="CRASHED: RuntimeError: no"),
        replace(broken, case=replace(broken.case, dtype="float32")),
        replace(broken, case=relu),
        replace(broken, device="cuda"),
        replace(broken, accepted="we know"),
    ):
        changes = (broken, replace(other, id="other", method="batch_grad_loop"))
        assert len(replace(report, changes=changes).causes) == 2, other


@pytest.mark.slow
def test_one_wrong_slope_is_told_once(jaccheck: Run, tmp_path: Path) -> None:
    """In a real gate: ELU's slope is wrong in the candidate, which shows in all methods that use it."""
    base, candidate = (
        mutated_copy(BackpackMutant(name, "control", edits, ()), tmp_path / name)
        for name, edits in (
            ("base", ()),
            ("candidate", (Edit(ELU, "module.alpha * exp(input0[non_pos])", "exp(input0[non_pos])"),)),
        )
    )
    chosen = [word for name in METHODS for word in ("--method", name)]
    options = ("--family", "smooth", "--dtype", "float64", "--cache", tmp_path / "cache", "--report", "gate.json")
    done = jaccheck("gate", base, candidate, *options, *chosen)
    assert done.returncode == 1, done.stdout + done.stderr
    report = from_json(GateReport, (tmp_path / "gate.json").read_text(), where="gate.json")
    assert {change.method for change in report.changes} == set(METHODS)
    told_once(report)
    assert done.stdout.count("The smallest case found:") == 1
