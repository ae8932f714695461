"""In GitHub Actions a run leaves annotations and a summary; what a method says can end neither."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from jaccheck_support.example_reports.judged import verify_report
from jaccheck_support.pages import hostile
from jaccheck_support.testing import Run

from jaccheck.cli.github import MOST_BYTES, Annotation, errors_of, tell_github
from jaccheck.rendering import verify_markdown
from jaccheck.reports import Told

FAULT = ("--method", "mutant:class_swap", "--family", "generic", "--max-examples", "3", "--seed", "1")


def test_a_finding_becomes_an_annotation_and_part_of_the_summary(jaccheck: Run, tmp_path: Path) -> None:
    """A real run as a step: an error at the stored finding, and a summary that was added to what was there."""
    (tmp_path / "summary.md").write_text("before\n")
    surroundings = {**os.environ, "GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
    done = jaccheck("verify", *FAULT, env=surroundings)
    assert done.returncode == 1, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("::error")]
    stored = sorted((tmp_path / "jaccheck-findings").iterdir())
    assert stored
    for path in stored:
        (line,) = [line for line in lines if f"file=jaccheck-findings/{path.name}" in line]
        assert "::DISAGREES: " in line
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert summary.startswith(f"before\n### jaccheck verify: {len(stored)} finding")
    assert "import torch" in summary


def test_elsewhere_nothing_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Outside Actions a terminal shows no commands of theirs."""
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    tell_github(errors_of(verify_report(), Path("findings")), "summary")
    assert capsys.readouterr().out == ""


def test_what_is_said_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A message with line breaks and commands of its own ends in one line for each finding and vacuous cell."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    report = hostile(verify_report())
    tell_github([*errors_of(report, Path("a,b")), Annotation(title="x:y,z", message="%\n::error::")], "")
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if not line.startswith("::error title=")] == []
    assert lines[-1] == "::error title=x%3Ay%2Cz::%25%0A::error::"
    assert "file=a%2Cb/" in lines[0]


def test_a_summary_that_is_too_long_leaves_out_the_scripts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """GitHub would drop all of it."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    tell_github((), "### answer\n<details>" + "x" * MOST_BYTES)
    assert (tmp_path / "summary.md").read_text() == (
        "### answer\nThe scripts are too long for a summary; they stand in the findings.\n"
    )


def test_markdown_stays_text() -> None:
    """No element and no table cell comes from a message; the script stands in a fence that it cannot end."""
    from dataclasses import replace

    report = verify_report()
    told = Told(text="a | b <b> `c` [d](e)\n# f")
    failure = replace(report.findings[0].failure, detail=told)
    evil = replace(report.findings[0], failure=failure, script="x = '''\n```\n<script>\n'''")
    text = verify_markdown(replace(report, findings=(evil,)))
    (row,) = [line for line in text.splitlines() if line.startswith("| sqrt")]
    assert row == (r"| sqrt\_ggn\_sum | cpu | agreement | DISAGREES: a \| b &lt;b&gt; \`c\` \[d\](e) \# f | 3 |")
    assert text.count("\n``````\n") == 1
    assert "\n``````python\n" in text
