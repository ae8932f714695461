"""Each table of a renderer has an entry for each member of the closed list that it renders."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from jaccheck.core import How
from jaccheck.methods import registered
from jaccheck.rendering import make_console, matrix_markdown, matrix_page, print_matrix
from jaccheck.rendering.html import model
from jaccheck.rendering.html.selftest import NAMES
from jaccheck.rendering.html.tables import COLOURS, Mark
from jaccheck.rendering.matrix import BACKPACK, LEGEND, SIGNS
from jaccheck.rendering.model_text import _STYLES
from jaccheck.reports import JUDGES, MatrixReport, Outcome, load
from jaccheck.reports.statements import Tone

DOCS = Path(__file__).parents[2] / "docs"


def test_every_outcome_has_a_colour_a_sign_and_a_sentence() -> None:
    """What is new in the list is in all of them, or this fails."""
    assert set(COLOURS) == set(SIGNS) == set(Outcome)
    assert set(COLOURS.values()) <= set(get_args(Mark))
    assert all(outcome.sentence for outcome in Outcome)
    for outcome in (o for o in Outcome if COLOURS[o] in ("bad", "warn")):
        assert SIGNS[outcome].removeprefix("✗ "), outcome
    assert all(sign.split()[-1].rstrip("s") in LEGEND for sign in SIGNS.values() if sign)


def test_every_tone_judge_and_end_has_its_words() -> None:
    """Of statements on a model, of the judges of the self-test, and of how a process ends."""
    assert set(model._MARKS) == set(_STYLES) == set(get_args(Tone))
    assert set(NAMES) == set(JUDGES)
    from jaccheck.core import End
    from jaccheck.reports import outcome_of

    assert all(outcome_of(End(how=how)) in Outcome for how in How)


@pytest.mark.parametrize("name", ["support-matrix.json", "other-packages.json"])
def test_the_checked_in_matrices_are_rendered(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As a page, as Markdown and for a terminal; BackPACK's columns come first on the page."""
    report = load(MatrixReport, DOCS / name)
    page = matrix_page(report)
    assert "wrong without a word" in page
    assert matrix_markdown(report).count("\n") > 100
    print_matrix(report, make_console())
    known = {known for cell in report.cells for known in cell.known}
    said = capsys.readouterr().out
    assert all(each in said for each in known)
    assert "AGREES" in said


def test_the_names_of_backpacks_methods_are_those_of_its_family() -> None:
    """By which they come first on the page of the matrix."""
    by_name = {name for name in registered() if name.startswith(BACKPACK)}
    assert by_name == {name for name, m in registered().items() if m.package == "backpack-for-pytorch"}
