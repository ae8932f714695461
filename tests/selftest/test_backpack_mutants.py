"""Mutants of the installed backpack are found, reported once, and shown by every printed script."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from jaccheck_support.backpack_mutants import find
from jaccheck_support.mutated_copies import is_different, mutated_copy, shows_failure, with_first
from jaccheck_support.testing import Run

from jaccheck.cli import replay
from jaccheck.reports import Finding, Outcome, Report, load

pytestmark = pytest.mark.slow

SMALL_RUN = ("--seed", 3, "--dtype", "float64", "--max-examples", 20, "--quiet", "--workers", 0, "--report", "out.json")


def found(jaccheck: Run, tmp_path: Path, mutant: str, *options: str) -> tuple[list[Finding], Path]:
    """The findings of a small run over a mutant, and the path of the copy; the exit code must fit them."""
    copy = mutated_copy(find(mutant), tmp_path / "path")
    done = jaccheck("verify", *SMALL_RUN, *options, env=with_first(copy))
    assert done.returncode in (0, 1), done.stderr
    findings = list(load(Report, tmp_path / "out.json").findings)
    assert done.returncode == bool(findings), done.stdout
    return findings, copy


def assert_shown(jaccheck: Run, findings: list[Finding], copy: Path, folder: Path) -> None:
    """Every script shows the mutant with the copy and not without; `jaccheck replay` says how it fails, and FIXED.

    This process has the installed backpack, so what is to be seen without the copy is seen here.
    """
    with ThreadPoolExecutor(2) as pool:
        failed = pool.submit(jaccheck, "replay", "jaccheck-findings", env=with_first(copy))
        with_copy = list(pool.map(lambda finding: shows_failure(finding.script, copy), findings))
    assert all(with_copy)
    assert failed.result().returncode == 1, failed.result().stderr
    shown = failed.result().stdout
    assert len(shown.splitlines()) == len(findings)
    assert "FIXED" not in shown
    for finding in findings:
        with redirect_stdout(StringIO()) as printed:
            exec(finding.script, {})
        assert not is_different(printed.getvalue()), printed.getvalue()
    with redirect_stdout(StringIO()) as printed:
        assert replay.run(replay.Request(paths=(folder / "jaccheck-findings",))) == 0
    assert printed.getvalue().count("FIXED: ") == len(findings)


def test_a_factor(jaccheck: Run, tmp_path: Path) -> None:
    """Wrong in every case, reported once for each method."""
    options = ("--family", "generic", "--method", "batch_grad_loop", "--method", "sqrt_ggn_mean")
    findings, copy = found(jaccheck, tmp_path, "weight_factor_2", *options)
    assert [finding.method for finding in findings] == ["batch_grad_loop", "sqrt_ggn_mean"]
    assert {(finding.law, finding.outcome) for finding in findings} == {("agreement", Outcome.DISAGREES)}
    assert all(finding.seen > 8 for finding in findings)
    assert all(len(list(finding.case.leaves())) == finding.case.batch_size == 1 for finding in findings)
    assert_shown(jaccheck, findings, copy, tmp_path)


def test_a_slope(jaccheck: Run, tmp_path: Path) -> None:
    """A wrong slope of one activation, and only for an option that is not the default: the case says which."""
    options = ("--family", "smooth", "--method", "batch_grad_loop", "--method", "sqrt_ggn_sum")
    findings, copy = found(jaccheck, tmp_path, "elu_alpha_ignored", *options)
    assert {(finding.method, finding.law) for finding in findings} == {("sqrt_ggn_sum", "agreement")}
    for finding in findings:
        (activation,) = (layer for _, layer in finding.case.leaves() if layer.kind != "Linear")
        assert activation.kind == "ELU"
        assert "alpha" in repr(activation)
    assert_shown(jaccheck, findings, copy, tmp_path)


def test_two_mutants(jaccheck: Run, tmp_path: Path) -> None:
    """Two mutants of one method under one law are both found, and each is shrunk to what it needs."""
    options = ("--family", "generic", "--family", "no_bias", "--method", "sqrt_ggn_sum")
    findings, copy = found(jaccheck, tmp_path, "two_errors_in_two_files", *options)
    kinds = [{layer.kind for _, layer in finding.case.leaves()} for finding in findings]
    assert {"Linear"} in kinds
    assert {"Linear", "LeakyReLU"} in kinds
    assert_shown(jaccheck, findings, copy, tmp_path)


def test_a_side_effect(jaccheck: Run, tmp_path: Path) -> None:
    """What is changed is named."""
    options = ("--family", "single_sample", "--method", "batch_grad_repeated")
    findings, copy = found(jaccheck, tmp_path, "weight_changed_in_place", *options)
    purity = [finding for finding in findings if finding.law == "purity"]
    assert [finding.outcome for finding in purity] == [Outcome.SIDE_EFFECT]
    assert "values of 0.weight changed" in purity[0].message
    assert_shown(jaccheck, findings, copy, tmp_path)


def test_no_mutant(jaccheck: Run, tmp_path: Path) -> None:
    """A copy that differs in a comment gives no finding."""
    options = ("--family", "generic", "--method", "batch_grad_loop", "--method", "sqrt_ggn_sum")
    findings, _ = found(jaccheck, tmp_path, "control", *options)
    assert findings == []
