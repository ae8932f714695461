"""At 80 and at 100 columns nothing is cut: names fold, columns go and are named, prose wraps at words."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from jaccheck_support.example_reports.judged import verify_report
from jaccheck_support.pages import REPORTS
from jaccheck_support.printed import PRINTED

from jaccheck.cli import cli
from jaccheck.core import duration_text
from jaccheck.judging import LAYER_ISSUES, OPERATION_ISSUES, PROCESS_ISSUES, SEQUENCE_ISSUES
from jaccheck.methods import registered
from jaccheck.rendering import SafeConsole, make_console, print_report
from jaccheck.rendering.fitting import known_width

LONG = "a_method_with_a_name_that_is_as_long_as_those_that_people_give_to_their_own_and_longer"


def renamed(value: Any) -> Any:
    """The report with the long name for every method."""
    if isinstance(value, tuple):
        return tuple(map(renamed, value))
    if is_dataclass(value) and not isinstance(value, type):
        changed = {field.name: renamed(getattr(value, field.name)) for field in fields(value) if field.init}
        for name in ("method", "base") if not hasattr(value, "base") else ("method",):
            if isinstance(changed.get(name), str):
                changed[name] = LONG
        return replace(value, **changed)
    return value


def verbatim(lines: list[str]) -> Iterator[str]:
    """The lines that are not to be copied whole: no case, no source, no command."""
    yield from (line for line in lines if not re.search(r"Case\(|=|import |jaccheck |print\(|: python", line))


@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize("kind", PRINTED)
def test_a_report_fits(monkeypatch: pytest.MonkeyPatch, kind: str, width: int) -> None:
    """No line of prose or of a table is wider than the terminal, no name of a method is cut, no number is."""
    monkeypatch.setenv("COLUMNS", str(width))
    report = renamed(REPORTS["check" if kind == "model" else kind][0]())
    wide, narrow = io.StringIO(), io.StringIO()
    for out, columns in ((wide, 400), (narrow, width)):
        PRINTED[kind](report, SafeConsole(file=out, width=columns, force_terminal=True, color_system=None))
    said = narrow.getvalue()
    assert all(len(line.rstrip()) <= width for line in verbatim(said.split("\n"))), said
    assert said.count("…") == wide.getvalue().count("…"), said
    if LONG in wide.getvalue():
        assert LONG in re.sub(r"[\s│]+", "", "".join(line[:80] for line in said.split("\n"))) or LONG in said


@pytest.mark.parametrize("said", ["9" * 30, "9" * 5000, "²", "0", "-5", "x"])
@pytest.mark.parametrize("name", ["COLUMNS", "LINES"])
def test_a_size_that_is_none_is_as_if_nobody_had_said_it(monkeypatch: pytest.MonkeyPatch, name: str, said: str) -> None:
    """Nothing is filled up to it, and nothing raises."""
    with monkeypatch.context() as during:  # pytest, too, takes the width of its own lines from there
        during.setenv(name, said)
        console = SafeConsole(file=io.StringIO(), force_terminal=True, color_system=None)
        console.rule("x")
        width, known = console.width, known_width()
    assert width < 1000
    assert known is None


@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize("command", ["methods", "known"])
def test_a_list_fits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str, width: int
) -> None:
    """The same of the lists, in a pipe with COLUMNS; each name stands there whole."""
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.delenv("LINES", raising=False)  # with it, both are only what readline says of a terminal
    assert make_console().width == width
    cli([command], standalone_mode=False)
    lines = capsys.readouterr().out.split("\n")
    assert max(map(len, lines)) <= width
    first = {line.split()[0] for line in lines if line.strip() and not line.startswith("   ")}
    issues = (*LAYER_ISSUES, *OPERATION_ISSUES, *SEQUENCE_ISSUES, *PROCESS_ISSUES)
    names = set(registered()) if command == "methods" else {issue.id for issue in issues}
    assert names <= first


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (8.66, "8.7 s"), (59.4, "59 s"), (60, "1 min"), (125, "2 min 5 s"), (2033.4, "34 min")],
)
def test_a_duration_is_told_as_people_say_it(seconds: float, text: str) -> None:
    """Minutes where there are some."""
    assert duration_text(seconds) == text


def test_no_name_of_a_built_in_method_is_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the table of verify at 80 columns, where columns go first; with two devices theirs stays."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("LINES", raising=False)
    report = verify_report()
    longest = max(registered(), key=len)
    cells = tuple(replace(cell, method=longest, entries=10**9) for cell in report.coverage)
    for devices in (("cpu",), ("cpu", "cuda:0")):
        coverage = tuple(replace(cell, device=device) for cell in cells for device in devices)
        out = io.StringIO()
        print_report(replace(report, coverage=coverage), SafeConsole(file=out, width=80))
        said = out.getvalue()
        is_whole = any(line.strip().startswith(longest) for line in said.split("\n"))
        assert is_whole is (len(devices) == 1), said
        assert longest in re.sub(r"\s", "", said)
        assert ("cuda:0" in said) is (len(devices) > 1)
