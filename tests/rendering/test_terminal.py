"""No text of a report is markup, moves the cursor or breaks a document, whichever place of it stands in."""

from __future__ import annotations

import dataclasses
import io
import re
from typing import Any
from xml.etree import ElementTree

import pytest
from jaccheck_support import pages
from jaccheck_support.example_reports.excerpt import EXCERPT
from jaccheck_support.printed import PRINTED

from jaccheck.rendering import SafeConsole, gate_junit, junit_xml

MARKUP = "[/x][bold blink red]a[link=https://evil.example]:smile:\x1b]8;;https://evil.example\x07\x9b5m\u202e\\["


@pytest.mark.parametrize("kind", PRINTED)
@pytest.mark.parametrize("is_terminal", [True, False])
def test_no_text_is_markup(monkeypatch: pytest.MonkeyPatch, kind: str, is_terminal: bool) -> None:
    """It stands there as it is, and only colours are set by sequences."""
    monkeypatch.setattr(pages, "HOSTILE", MARKUP)
    name = {"model": "model_report", "sequences": "sequence_report"}.get(kind, f"{kind}_report")
    report = pages.hostile(getattr(pages, name)())
    out = io.StringIO()
    PRINTED[kind](report, SafeConsole(file=out, width=400, force_terminal=is_terminal, color_system="truecolor"))
    said = out.getvalue()
    assert "[/x][bold blink red]a[link=https://evil.example]:smile:" in said.replace("\n", "")
    assert set(re.findall("\x1b.[^m]*.", said)) <= set(re.findall("\x1b\\[[0-9;]*m", said))
    assert not re.search("\x1b\\[(?:[0-9;]*;)?5m", said), "something blinks"
    assert not {"\x07", "\x9b", "\u202e"} & set(said)


@pytest.mark.parametrize(("kind", "written"), [("verify", junit_xml), ("gate", gate_junit)])
def test_a_junit_document_can_be_read(monkeypatch: pytest.MonkeyPatch, kind: str, written: Any) -> None:
    """Control characters have no way to stand in XML, in names of tests least of all."""
    monkeypatch.setattr(pages, "HOSTILE", "\x00\x0b\ufffe\ud800]]>&<\"'\x1b")
    report = pages.hostile(getattr(pages, f"{kind}_report")())
    names = [element.get("name", "") for element in ElementTree.fromstring(written(report)).iter()]
    assert any("\\x00\\x0b\\ufffe\\ud800]]>&<\"'\\x1b" in name for name in names)


@pytest.mark.parametrize(
    "changes",
    [
        {"actual": ()},
        {"bound": ((0.0,), (1.0,))},
        {"parameters": (("0.weight", 1),)},
        {"parameters": (("0.weight", 4), ("0.bias", -1))},
        {"worst": (2, 0)},
        {"worst": (0, -1)},
        {"C": 0},
        {"first_row": 39},
        {"first_column": 1},
        {"rows": 0},
    ],
)
def test_an_excerpt_fits_together(changes: dict[str, Any]) -> None:
    """What is drawn from it relies on that."""
    with pytest.raises(ValueError, match="does not fit together"):
        dataclasses.replace(EXCERPT, **changes)
