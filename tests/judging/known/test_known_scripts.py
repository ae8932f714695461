"""The scripts of known issues: each shows what it states, needs nothing of jaccheck, and fits into a report."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from jaccheck_support.skipping import skip_where_absent

from jaccheck.cli import cli
from jaccheck.core import Allowed
from jaccheck.errors import BrokenEnvironment, InvalidRequest
from jaccheck.judging import (
    LAYER_ISSUES,
    OPERATION_ISSUES,
    PROCESS_ISSUES,
    SEQUENCE_ISSUES,
    CaseIssue,
    KnownIssue,
    Shown,
    show_issues,
)
from jaccheck.judging.known import showing
from jaccheck.judging.known.issue import SCRIPTS, Severity
from jaccheck.judging.known.showing import Showing, stated
from jaccheck.reports import Outcome

ALL = (*LAYER_ISSUES, *OPERATION_ISSUES, *SEQUENCE_ISSUES, *PROCESS_ISSUES)
ISSUES: dict[str, KnownIssue] = {issue.id: issue for issue in ALL}
LINES = 15


@pytest.fixture(scope="module")
def showings() -> dict[str, Showing]:
    """What each script printed, where its package is there."""
    return {each.issue.id: each for each in show_issues(ISSUES.values())}


@pytest.mark.full
@pytest.mark.parametrize("name", ISSUES)
def test_each_script_shows_what_it_states(showings: dict[str, Showing], name: str) -> None:
    """It prints what is expected and another actual value, or ends in the exception that its last line names."""
    skip_where_absent(ISSUES[name])
    if showings[name].shown is Shown.NOT_HERE:
        pytest.skip(showings[name].why)
    assert showings[name].shown is Shown.STILL_THERE, showings[name]
    assert "jaccheck" not in showings[name].said
    assert not re.search(r'File "/', showings[name].said), showings[name].said
    warned = re.search(r"Warning: .*(wrong|incorrect)", showings[name].said)
    assert bool(warned) is (ISSUES[name].severity is Severity.WARNED), showings[name].said


@pytest.mark.parametrize("name", ISSUES)
def test_a_script_is_short_and_needs_the_package_alone(name: str) -> None:
    """At most fifteen lines, which say what is expected, and in their last one what comes instead."""
    script = ISSUES[name].script
    assert len(script.splitlines()) <= LINES
    assert "jaccheck" not in script
    assert 'print("expected:", ' in script
    assert stated(ISSUES[name])


def test_there_is_a_script_for_each_issue_and_for_nothing_else() -> None:
    """No two issues have one id."""
    assert len(ISSUES) == len(ALL)
    assert {path.stem for path in SCRIPTS.iterdir() if path.suffix == ".py"} == set(ISSUES)


REFERENCE = re.compile(r"https://github\.com/\S+|searched, none found \(\d{4}-\d\d-\d\d\)")

SEVERITY_OF = {
    Outcome.DISAGREES: Severity.SILENT,
    Outcome.CRASHED: Severity.EXCEPTION,
    Outcome.SIDE_EFFECT: Severity.SIDE_EFFECT,
}


@pytest.mark.parametrize("issue", LAYER_ISSUES, ids=lambda issue: issue.id)
def test_the_severity_is_what_methods_show(issue: CaseIssue) -> None:
    """The first outcome is the usual one; too many columns are a wrong result, though jaccheck's methods raise then."""
    if issue.id not in ("nngeometry-parameter-of-two-modules", "laplace-asdl-parameter-of-two-modules"):
        assert issue.severity is SEVERITY_OF[issue.outcomes[0]]


@pytest.mark.parametrize("name", ISSUES)
def test_an_issue_names_where_it_was_reported(name: str) -> None:
    """By address, or with the day on which nothing was found; the headline has the package and its version."""
    issue = ISSUES[name]
    assert REFERENCE.fullmatch(issue.reference)
    assert re.match(r"[\w /-]+ \d+[\w.]*: [^ ]", issue.headline)


WRITTEN = {
    "prints what is stated": (Shown.STILL_THERE, 'print("expected:", 1)\nprint("actual:  ", 2)  # 2\n'),
    "prints what is expected": (Shown.MENDED, 'print("expected:", 1)\nprint("actual:  ", 1)  # 2\n'),
    "prints neither": (Shown.CHANGED, 'print("expected:", 1)\nprint("actual:  ", 3)  # 2\n'),
    "kills its process": (Shown.CHANGED, "import os\nos.kill(os.getpid(), 9)  # Error\n"),
    "raises what is stated": (
        Shown.STILL_THERE,
        "print('expected:', 'no exception')\nraise ValueError('wrong shape')  # ValueError: wrong",
    ),
    "raises nothing": (Shown.MENDED, "print('expected:', 'no exception')\nprint()  # ValueError: wrong"),
    "raises another": (
        Shown.CHANGED,
        "print('expected:', 'no exception')\nimport no_such_module  # ValueError: wrong",
    ),
}
"""Scripts by what they do."""


def test_what_scripts_do_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is neither expected nor stated is told apart from what is mended; one that kills its process takes no other
    with it, since each has a fork of its own.
    """
    for name, (_, text) in WRITTEN.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.setattr("jaccheck.judging.known.issue.SCRIPTS", tmp_path)
    found = {each.issue.id: each for each in show_issues(replace(SEQUENCE_ISSUES[0], id=name) for name in WRITTEN)}
    assert {name: each.shown for name, each in found.items()} == {name: shown for name, (shown, _) in WRITTEN.items()}
    assert "signal 9" in found["kills its process"].said


def test_a_mended_issue_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`jaccheck known --run` says so, and exits with 1."""
    (tmp_path / f"{SEQUENCE_ISSUES[0].id}.py").write_text(WRITTEN["prints what is expected"][1])
    monkeypatch.setattr("jaccheck.judging.known.issue.SCRIPTS", tmp_path)
    assert cli(["known", SEQUENCE_ISSUES[0].id, "--run"], standalone_mode=False) == 1
    assert f"MENDED: {SEQUENCE_ISSUES[0].id}: it prints what is expected, 1" in capsys.readouterr().out


def test_a_bug_report_has_all_that_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    """Package and version in the title, severity, script, what it prints, who else has it, versions."""
    assert cli(["known", "conv-string-padding", "zero-pad-negative", "--bug-report"], standalone_mode=False) == 0
    out = capsys.readouterr().out
    for part in (
        "# BackPACK 1.7.1: Conv{1,2,3}d with padding='same'",
        "Severity: silently wrong",
        "```python\nimport torch\nfrom backpack",
        "expected: [[[6.0, 5.0]]]\nactual:   [[[3.0, 6.0]]]",
        "laplace-torch (laplace_backpack)",
        "https://github.com/f-dangel/backpack/issues",
        "torch 2",
        'Traceback (most recent call last):\n  File "script.py", line',
        'File "backpack/core/derivatives/',
    ):
        assert part in out
    assert sys.prefix not in out


@pytest.mark.parametrize("option", [[], ["--bug-report"]])
def test_what_cannot_show_here_is_said(option: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of a report whose script shows nothing; the exit code is 2, as of every broken environment."""
    elsewhere = replace(SEQUENCE_ISSUES[0], package="opacus", versions=">=99")
    monkeypatch.setattr("jaccheck.judging.SEQUENCE_ISSUES", (elsewhere,))
    with pytest.raises(BrokenEnvironment, match=r"forward-before-backward cannot be shown here: opacus"):
        cli(["known", elsewhere.id, *option], standalone_mode=False)
    (found,) = show_issues([elsewhere])
    assert found.shown is Shown.NOT_HERE


@pytest.mark.parametrize(
    "arguments",
    [
        ["--run", "--bug-report"],
        *(["--severity", "exception", "conv-string-padding", *way] for way in ([], ["--run"], ["--bug-report"])),
    ],
)
def test_a_request_that_does_nothing_is_refused(arguments: list[str]) -> None:
    """No issue of that severity among those named, or two requests of which one would be left undone."""
    with pytest.raises(InvalidRequest):
        cli(["known", *arguments], standalone_mode=False)


@pytest.mark.parametrize(
    ("text", "said"),
    [("import os; os._exit(0)", "exit code 0"), ("raise OSError('[/x]')", "backpack does not import: OSError: [/x]")],
)
def test_scripts_that_were_not_run_are_no_good_news(
    text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a package that ends its process, or does not import: it is told, and never exit code 0."""
    (tmp_path / "backpack").mkdir()
    (tmp_path / "backpack/__init__.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(BrokenEnvironment, match="1 script could not be run"):
        cli(["known", SEQUENCE_ISSUES[0].id, "--run"], standalone_mode=False)
    out = capsys.readouterr().out
    assert "NOT RUN: " in out
    assert said in out


def test_issues_of_one_severity(capsys: pytest.CaptureFixture[str]) -> None:
    """`--severity` takes the words of the column."""
    assert cli(["known", "--severity", "side effect"], standalone_mode=False) == 0
    out = capsys.readouterr().out
    assert "never-freed" in out
    assert "silently wrong" not in out


def test_a_package_that_hangs_while_it_is_imported_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the time of an import, not that of the scripts, which have not begun."""
    hanging = tmp_path / "backpack" / "__init__.py"
    hanging.parent.mkdir()
    hanging.write_text("import time; time.sleep(10**6)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(showing, "IMPORTING", Allowed(seconds=2.0))
    monkeypatch.setattr(showing, "ALLOWED", Allowed(seconds=10**6))
    (told,) = show_issues([ISSUES["conv-string-padding"]])
    assert told.shown is Shown.NOT_RUN
    assert told.why == "not done after 2 s, where backpack was imported"
