"""A report beside an earlier one: what is faster or slower, and what else is not the same."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from jaccheck_support.example_reports.models import bench_report
from rich.console import Console

from jaccheck.bench.comparing import compare_reports, differences
from jaccheck.cli.bench_runs import FOLDER, check_folder, check_name, find_run, next_path, saved_runs
from jaccheck.errors import InvalidRequest, UnreadableFile
from jaccheck.rendering import print_comparison
from jaccheck.reports import Answer, BenchReport, Spread, save


def scaled(spread: Spread | None, factor: float) -> Spread | None:
    if spread is None:
        return None
    names = ("median_s", "low_s", "high_s", "lower_quartile_s", "upper_quartile_s", "shortest_s")
    return replace(spread, **{name: factor * getattr(spread, name) for name in names})


def times(report: BenchReport, factor: float) -> BenchReport:
    """The report of a run in which all methods took so many times as long."""
    cells = tuple(
        replace(
            cell,
            methods=tuple(
                replace(m, fresh=scaled(m.fresh, factor), reused=scaled(m.reused, factor)) for m in cell.methods
            ),
        )
        for cell in report.cells
    )
    return replace(report, cells=cells)


@pytest.mark.parametrize(
    ("factor", "answer"),
    [(2.0, Answer.SLOWER), (0.5, Answer.FASTER), (1.1, Answer.UNDECIDED), (1.0, Answer.UNDECIDED)],
)
def test_answers(factor: float, answer: Answer) -> None:
    """Only where the two intervals do not even touch; these reach a tenth to the right and a twentieth to the left."""
    before = bench_report()
    compared = compare_reports(times(before, factor), before, "before.json")
    assert {change.answer for change in compared.changes} == {answer}
    assert all(change.ratio == pytest.approx(factor) for change in compared.changes)
    assert all(change.low <= factor <= change.high for change in compared.changes)
    assert {change.floor_ratio for change in compared.changes} == {1.0}


def test_narrow_intervals_can_say_the_same() -> None:
    """A twentieth is the margin."""
    narrow = Spread(
        samples=99, median_s=1.0, low_s=0.99, high_s=1.01, lower_quartile_s=0.99, upper_quartile_s=1.01, shortest_s=0.98
    )
    before = bench_report()
    cells = tuple(replace(c, methods=(replace(c.methods[0], fresh=narrow, reused=narrow),)) for c in before.cells)
    before = replace(before, cells=cells)
    assert {c.answer for c in compare_reports(before, before, "x").changes} == {Answer.SAME}


def test_another_machine_or_version_is_told() -> None:
    """In one line, with what was and what is."""
    before, now = replace(bench_report(), machine="2 cores of A"), replace(bench_report(), machine="4 cores of B")
    now = replace(now, environment=replace(now.environment, torch="9.9"), threads=3)
    found = list(differences(now, before))
    assert "machine was 2 cores of A, is 4 cores of B" in found
    assert any(line.startswith("torch was") and line.endswith("is 9.9") for line in found)
    assert "threads was 1, is 3" in found
    assert not list(differences(now, now))
    console = Console(file=StringIO(), width=250)
    print_comparison(compare_reports(times(now, 2.0), before, "before.json"), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    (line,) = (line for line in text.splitlines() if "not the same" in line)
    assert "machine was 2 cores of A, is 4 cores of B; " in line
    assert "compared: 12 slower" in text


def test_runs_are_saved_by_number_and_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As pytest-benchmark does: the next number, found again by file, by number, or as the latest."""
    monkeypatch.chdir(tmp_path)
    check_name("main")
    check_folder("main")
    for name in ("main", "other"):
        save(replace(bench_report(), threads=len(name)), next_path(name))
    assert [path.name for path in saved_runs()] == ["0001_main.json", "0002_other.json"]
    assert find_run("latest")[1].threads == 5
    assert find_run("1")[0] == find_run("0001")[0] == FOLDER / "0001_main.json"
    assert find_run(str(FOLDER / "0002_other.json"))[1].threads == 5
    assert next_path("main").name != next_path("main").name  # of two that end at the same time
    assert len(saved_runs()) == 2  # nothing is in these yet
    for asked in ("3", "absent.json", str(tmp_path)):
        with pytest.raises(InvalidRequest, match=r"no such report.*saved are 0001_main.json, 0002_other.json"):
            find_run(asked)
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(UnreadableFile):
        find_run("other.json")


@pytest.mark.parametrize("name", ["", "a/b", "..\\x", "new\nline", "x" * 101, "what?"])
def test_names_that_no_file_has_are_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is timed."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidRequest, match="is no name of a run"):
        check_name(name)


def test_numbers_of_saved_runs_have_no_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After number 9999 comes 10000, which is the latest then."""
    monkeypatch.chdir(tmp_path)
    check_folder("main")
    for name in ("9999_main.json", "0002_other.json"):
        save(bench_report(), FOLDER / name)
    after = next_path("main")
    assert after.name == "10000_main.json"
    save(bench_report(), after)
    assert find_run("latest")[0] == find_run("10000")[0] == after
