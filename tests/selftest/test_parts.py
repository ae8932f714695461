"""A self-test in parts, side by side on many machines, is the self-test in one piece."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jaccheck.case import PROFILES, boundary_cases
from jaccheck.methods import find_method
from jaccheck.reports import SelftestReport
from jaccheck.selftest import catalogue, parts, repeating_every, score
from jaccheck.selftest.answering import answer
from jaccheck.selftest.parts import selftest_of, selftest_parts

CASES = (*boundary_cases("generic", "float64")[:3], *boundary_cases("kinks", "float32")[:4])
METHODS = ("autograd_batched", "outer_products")


def timeless(report: SelftestReport) -> SelftestReport:
    """Without how long it took."""
    return replace(report, seconds=0.0)


def test_the_parts_are_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same kills after the same cases, the same counts and alarms, whatever the parts."""
    mutants = list(catalogue())[:4]
    laws_of = repeating_every(PROFILES["quick"].repeat_every)
    chosen = [catalogue()[name] for name in mutants]
    whole = score(CASES, chosen, map(find_method, METHODS), laws_of=laws_of)
    monkeypatch.setattr(parts, "MUTANTS", 3)
    monkeypatch.setattr(parts, "CASES", 3)
    asked = list(selftest_parts(CASES, mutants, METHODS))
    told: list[int] = []
    found = [(part, answer(part, lambda note: told.append(note.done))) for part in asked]
    assert len(asked) == 3 + 2
    assert told
    assert any(mutant.jaccheck for mutant in whole.mutants)
    assert timeless(selftest_of(found, seconds=0.0)) == timeless(whole)
