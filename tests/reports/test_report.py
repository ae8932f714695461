"""A report is the contract between processes and versions: its schema is shipped, true, and checked on load."""

from __future__ import annotations

import importlib.resources
import json
from pathlib import Path

import jsonschema
import pytest
from jaccheck_support.testing import ENVIRONMENT, Run
from junitparser import JUnitXml

from jaccheck.case import Case, Linear
from jaccheck.errors import IncompatibleFile, UnreadableFile
from jaccheck.rendering import junit_xml
from jaccheck.reports import (
    CoverageCell,
    Failure,
    Finding,
    Outcome,
    Report,
    Settings,
    Spent,
    Told,
    Totals,
    WorstEntry,
    load,
    save,
)
from jaccheck.reports import verify as reports

NAN = float("nan")


@pytest.fixture
def report() -> Report:
    """A report with a hostile finding: NaN, infinities, control characters and markup."""
    worst = WorstEntry(
        parameter="0.weight", index=(0, 0, 0, 0), actual=NAN, expected=float("-inf"), bound=0.0, wrong=1, entries=2
    )
    told = Told(text="\x00\x1b[31m]]> & <script>", worst=worst)
    finding = Finding(
        id="1",
        method="<evil>",
        device="cpu",
        failure=Failure(law="agreement", outcome=Outcome.DISAGREES, detail=told),
        seen=3,
        case=Case(layers=(Linear(out_features=1),), in_shape=(1,), batch_size=1),
        script="print('<&>')",
    )
    return Report(
        settings=Settings(
            profile="quick",
            seed=1,
            max_examples=None,
            time=None,
            methods=("<evil>",),
            devices=("cpu",),
            dtypes=(),
            families=(),
        ),
        environment=ENVIRONMENT,
        totals=Totals(
            cases=1,
            comparisons=2,
            entries=4,
            undecided=0,
            outcomes=dict.fromkeys(Outcome, 0),
            modes={"exact": 1, "bound": 1},
            seconds=Spent(),
        ),
        coverage=(
            CoverageCell(method="<evil>", device="cpu", dtype="float64", family="custom", cases=1, compared=1),
            CoverageCell(method="<evil>", device="cpu", dtype="float64", family="square", cases=4),
            CoverageCell(method="<evil>", device="cpu", dtype="float64", family="frozen", cases=1, refused=1),
        ),
        findings=(finding,),
    )


def test_json_both_ways(report: Report, tmp_path: Path) -> None:
    """What is saved is what is loaded, NaN and infinities too."""
    path = tmp_path / "report.json"
    save(report, path)
    again = load(Report, path)
    assert repr(again) == repr(report)
    jsonschema.validate(json.loads(path.read_text()), reports.schema())


def test_the_shipped_schema_is_that_of_the_code() -> None:
    """`python -m jaccheck.reports.verify > jaccheck/reports/report.schema.json` writes it."""
    shipped = importlib.resources.files("jaccheck.reports").joinpath("report.schema.json").read_text()
    assert json.loads(shipped) == reports.schema()


def test_a_real_report_fits_the_shipped_schema(jaccheck: Run, tmp_path: Path) -> None:
    """What a run writes, anyone's validator accepts, and it says what was covered."""
    options = ("--max-examples", 70, "--method", "batch_grad_loop", "--method", "autograd_batched", "--seed", 5)
    written = [f"--report=out.{ending}" for ending in ("json", "xml", "html", "md")]
    done = jaccheck("verify", *options, *written)
    assert done.returncode == 0, done.stdout + done.stderr
    text = (tmp_path / "out.json").read_text()
    schema = json.loads(importlib.resources.files("jaccheck.reports").joinpath("report.schema.json").read_text())
    jsonschema.validate(json.loads(text), schema)
    loaded = load(Report, tmp_path / "out.json")
    assert loaded.totals.cases == 70
    assert loaded.settings.seed == 5
    assert sum(cell.cases for cell in loaded.coverage) == 140
    assert loaded.totals.entries == 2 * sum(cell.entries for cell in loaded.coverage)
    assert sum(sum(each.counts) for each in loaded.tightness) == loaded.totals.modes["bound"] > 0
    assert "No finding in 70 cases" in (tmp_path / "out.html").read_text(encoding="utf-8")
    assert "### jaccheck verify: no finding" in (tmp_path / "out.md").read_text(encoding="utf-8")
    suites = JUnitXml.fromfile(str(tmp_path / "out.xml"))
    assert sum(suite.failures for suite in suites) == 0
    assert sum(suite.tests for suite in suites) > 5


@pytest.mark.parametrize("version", [0, 3, "1", None, True, [1]])
def test_another_schema_version_is_incompatible(report: Report, tmp_path: Path, version: object) -> None:
    """The version is looked at before anything else."""
    path = tmp_path / "report.json"
    save(report, path)
    found = json.loads(path.read_text())
    path.write_text(json.dumps({**found, "schema_version": version}))
    with pytest.raises(IncompatibleFile, match="schema_version"):
        load(Report, path)


def test_a_missing_field_is_named(report: Report, tmp_path: Path) -> None:
    """One line, with the place."""
    path = tmp_path / "report.json"
    save(report, path)
    found = json.loads(path.read_text())
    del found["totals"]["entries"]
    path.write_text(json.dumps(found))
    with pytest.raises(UnreadableFile, match=r"totals\.entries: Field required"):
        load(Report, path)


def test_junit_tells_failed_vacuous_and_refused_apart(report: Report) -> None:
    """Valid XML whatever a method is called, with a failure for a finding and for a cell that compared nothing."""
    parsed = JUnitXml.fromstring(junit_xml(report).encode())
    (suite,) = parsed
    results = {case.name: [type(result).__name__ for result in case.result] for case in suite}
    assert results == {"custom[cpu]": ["Failure"], "square[cpu]": ["Failure"], "frozen[cpu]": ["Skipped"]}


def test_a_vacuous_cell_fails_the_run(report: Report) -> None:
    """A method that was given cases and compared nothing has not been checked."""
    from dataclasses import replace

    clean = replace(report, findings=())
    assert [cell.family for cell in clean.vacuous] == ["square"]
    assert clean.found_something
    assert not replace(clean, coverage=report.coverage[:1]).found_something


def test_few_cases_may_all_be_undecided(report: Report) -> None:
    """As long as the run compared something; one that compared nothing at all fails with a single case."""
    from dataclasses import replace

    compared, none, refused = report.coverage
    few = replace(none, cases=5, refused=1, known=1)
    assert replace(report, coverage=(compared, few, refused)).vacuous == ()
    assert replace(report, coverage=(compared, replace(few, cases=6), refused)).vacuous == (replace(few, cases=6),)
    assert replace(report, coverage=(few, refused)).vacuous == (few,)
