"""One of anything is told in the singular, on a terminal, in a page and in Markdown, whatever is counted."""

from __future__ import annotations

import dataclasses
import io
import re
from typing import Any

import pytest
from jaccheck_support import pages
from jaccheck_support.printed import PRINTED

from jaccheck.cli import writing
from jaccheck.core import some_are
from jaccheck.rendering import SafeConsole

NO_PLURALS = ("is", "was", "has", "this", "less", "across", "ms", "ulps", "plus", "loses", "its")
"""Words on `s` that follow a number and are no plural noun."""

PLURAL = re.compile(rf"(?<![\w.,/+\-–=×*^])1 (?!(?:{'|'.join(NO_PLURALS)})\b)[a-z]{{2,}}s\b")


def of_one(value: Any) -> Any:
    """The report with one of everything that it counts: each sequence has one item, each whole number is 1."""
    if isinstance(value, tuple):
        return tuple(map(of_one, value))
    if isinstance(value, dict):
        return {key: of_one(each) for key, each in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        if type(value).__module__.startswith("jaccheck.case") or type(value).__name__ in WHOLE:
            return value
        kept = {"schema_version", "seed"}
        return dataclasses.replace(
            value,
            **{
                field.name: of_one(getattr(value, field.name))
                for field in dataclasses.fields(value)
                if field.init and field.name not in kept
            },
        )
    return 1 if type(value) is int else value


WHOLE = ("Excerpt", "WrongEntry", "WorstEntry", "Spread")
"""Whose numbers belong to each other."""


def test_what_is_looked_for() -> None:
    """Plural nouns after the number 1, and none after others."""
    assert PLURAL.search("in 1 sequences, 3 findings")
    for text in ("1 case", "11 cases", "2.1 cases", "of 31 methods", "1 is wrong", "1,001 cases", "1 s"):
        assert not PLURAL.search(text), text
    assert some_are(1, 30, "entry", "entries") == "1 of 30 entries is"
    assert some_are(3, 1, "entry", "entries") == "3 of 1 entry are"


@pytest.mark.parametrize("kind", PRINTED)
def test_one_is_told_as_one(kind: str) -> None:
    """In every format of the report of a command."""
    name = {"model": "model_report", "sequences": "sequence_report"}.get(kind, f"{kind}_report")
    report = of_one(getattr(pages, name)())
    out = io.StringIO()
    PRINTED[kind](report, SafeConsole(file=out, width=400))
    texts = {"terminal": out.getvalue(), "repr": repr(report) if hasattr(report, "_repr_html_") else ""}
    for form, write in getattr(writing, {"model": "CHECK"}.get(kind, kind.upper())).items():
        texts[form] = re.sub(r"<[^>]+>", " ", write(report))
    found = {form: PLURAL.findall(text) for form, text in texts.items()}
    assert not any(found.values()), found
