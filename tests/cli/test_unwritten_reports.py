"""A report that fails to be made loses nothing: the answer is printed, and the other reports are written."""

from __future__ import annotations

from pathlib import Path

import pytest
from jaccheck_support.example_reports.judged import verify_report

from jaccheck.cli import cli, writing
from jaccheck.reports import save


def test_the_answer_and_the_other_reports_are_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of three reports the first cannot be made and the second not be written; the third is there."""

    def fails(report: object) -> str:
        raise KeyError("a mark without a colour")

    monkeypatch.setitem(writing.VERIFY, ".html", fails)  # type: ignore[index]
    save(verify_report(), tmp_path / "in.json")
    wanted = [tmp_path / "out.html", tmp_path / "folder" / "out.md", tmp_path / "out.json"]
    arguments = [word for path in wanted for word in ("--report", str(path))]
    text = writing.VERIFY[".md"]

    def vanishes(report: object) -> str:
        wanted[1].parent.rmdir()
        wanted[1].parent.write_text("no folder any more")
        return text(report)  # type: ignore[arg-type]

    monkeypatch.setitem(writing.VERIFY, ".md", vanishes)  # type: ignore[index]
    wanted[1].parent.mkdir()
    assert cli(["report", str(tmp_path / "in.json"), *arguments], standalone_mode=False) == 1
    said = capsys.readouterr()
    assert "2 findings" in said.out
    assert f"{wanted[0]}: the report could not be made, an error in jaccheck itself" in said.err
    assert "KeyError: 'a mark without a colour'" in said.err
    assert str(wanted[1]) in said.err
    assert not wanted[0].exists()
    assert wanted[2].read_text() == (tmp_path / "in.json").read_text()


def test_without_a_finding_an_error_of_jaccheck_is_exit_code_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody reads of is never 0."""
    monkeypatch.setitem(writing.VERIFY, ".html", lambda report: [][0])  # type: ignore[index]
    path, out = tmp_path / "in.json", tmp_path / "out.html"
    report = verify_report()
    from dataclasses import replace

    clean = replace(report, findings=(), given_up=(), coverage=tuple(c for c in report.coverage if c.compared))
    save(clean, path)
    assert not clean.found_something
    assert cli(["report", str(path), "--report", str(out)], standalone_mode=False) == 3
