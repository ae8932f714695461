"""A run that was interrupted is no answer, unless something was found by then; in every command the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from jaccheck_support.example_reports.judged import sequence_report, verify_report
from jaccheck_support.example_reports.models import bench_report, model_report
from jaccheck_support.example_reports.upgrades import gate_report
from junitparser import JUnitXml

from conftest import Run
from jaccheck.cli.codes import Told, code_of
from jaccheck.rendering import junit_xml, verify_markdown
from jaccheck.reports import Report, save

FOUND: dict[str, Told] = {
    "verify": verify_report(),
    "sequences": sequence_report(),
    "bench": bench_report(),
    "check": model_report(),
    "gate": gate_report(),
}

CLEAN: dict[str, Told] = {
    "verify": replace(verify_report(), findings=(), given_up=()),
    "sequences": replace(sequence_report(), findings=(), known=()),
    "bench": replace(bench_report(), cells=()),
    "check": replace(model_report(), answers=(), contradiction=""),
    "gate": replace(gate_report(), changes=()),
}


def interrupted(report: Told) -> Told:
    """As Ctrl-C ends it."""
    return replace(report, interrupted=True)  # type: ignore[type-var, return-value]


@pytest.mark.parametrize("command", FOUND)
def test_what_was_found_counts_interrupted_or_not(command: str) -> None:
    """What is wrong is wrong, whatever would have come after it."""
    assert code_of(FOUND[command]) == code_of(interrupted(FOUND[command])) == 1


@pytest.mark.parametrize("command", CLEAN)
def test_an_interrupted_run_is_never_green(command: str) -> None:
    """Nor is it called wrong, where nothing was compared yet."""
    assert code_of(interrupted(CLEAN[command])) == 130


def test_a_report_of_an_interrupted_run_is_no_answer(jaccheck_here: Run, tmp_path: Path) -> None:
    """Shown again, or put together of parts of which one is missing: exit code 2."""
    report = replace(verify_report(), findings=(), coverage=(), given_up=())
    assert isinstance(report, Report)
    for is_interrupted, code in ((False, 0), (True, 2)):
        save(replace(report, interrupted=is_interrupted), tmp_path / "out.json")
        assert jaccheck_here("report", str(tmp_path / "out.json")).returncode == code


def test_other_formats_say_that_it_was_interrupted() -> None:
    """Who reads the JUnit file alone, as a CI system does, sees an error and not only tests that passed."""
    report = replace(verify_report(), findings=(), coverage=(), interrupted=True)
    suites = JUnitXml.fromstring(junit_xml(report).encode())
    results = [type(result).__name__ for suite in suites for case in suite for result in case.result]
    assert results == ["Error"]
    assert verify_markdown(report).startswith("### jaccheck verify: interrupted, and nothing was found until then\n")
