"""A part of the self-test, in the process that may end of it."""

from __future__ import annotations

from collections.abc import Callable

from jaccheck.case import PROFILES
from jaccheck.methods import find_method
from jaccheck.reports import SelftestReport
from jaccheck.selftest.asking import SelftestNote, SelftestPart
from jaccheck.selftest.mutants.registry import catalogue
from jaccheck.selftest.scoring import repeating_every, score


def answer(request: SelftestPart, tell: Callable[[SelftestNote], None]) -> SelftestReport:
    """What became of the mutants and methods of the part."""
    known = catalogue()
    return score(
        request.cases,
        [known[name] for name in request.mutants],
        [find_method(name) for name in request.methods],
        laws_of=repeating_every(PROFILES["quick"].repeat_every),
        on_case=lambda done, total: tell(SelftestNote(done=done)),
        start=request.start,
    )
