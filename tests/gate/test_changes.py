"""Kinds of change, acceptances, the journal: what the gate's answer rests on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from jaccheck.case import ELU, FAMILIES
from jaccheck.core import End, How
from jaccheck.errors import UnreadableFile
from jaccheck.gate import accept, load_acceptances
from jaccheck.gate.changes import kinds_of_change
from jaccheck.gate.comparison import Entry, Pair
from jaccheck.gate.journal import Journal
from jaccheck.gate.matrix import cases_of_rows, cells_changed
from jaccheck.gate.protocol import Observation
from jaccheck.rendering import gate_answer
from jaccheck.rendering.markdown import escaped
from jaccheck.reports import (
    LABELS,
    Change,
    Detail,
    Ended,
    Failure,
    GateCell,
    GateReport,
    GateSettings,
    Kind,
    Outcome,
    Raised,
    SideRecord,
)

SOME = (4, *(0,) * (len(LABELS) - 1))
"""Entries by how far they are apart: four with the same bits."""


def crashed(detail: Detail) -> Observation:
    """A method that raised, or ended its process."""
    failure = Failure(law="no exception", outcome=Outcome.CRASHED, detail=detail)
    return Observation(
        method="m", outcome=failure.outcome, message=failure.message, failure=failure, laws=(failure.law,)
    )


RIGHT = Observation(method="m", outcome=Outcome.AGREES, message="")
WRONG = Observation(method="m", outcome=Outcome.DISAGREES, message="0.3 instead of 0.4", laws=("agreement",))
CRASH = crashed(Raised(error_type="ValueError", error_text="no"))
OTHER_CRASH = crashed(Raised(error_type="ValueError", error_text="other words"))
END = crashed(Ended(end=End(how=How.SIGNAL, code=11)))
REFUSAL = crashed(Raised(error_type="NotImplementedError", error_text="ELU"))
HIDDEN = replace(CRASH, known=("a crash", "loosely"), listed=("a crash", "loosely", "zeros for padding"))
BEHIND = replace(WRONG, known=("zeros for padding",), listed=("zeros for padding",))
UNLISTED = replace(WRONG, known=("another",))
SAME_ISSUE = replace(WRONG, known=("a crash", "loosely"))
ABSENT = Observation(method="m", outcome=Outcome.UNSUPPORTED, message="does not import", is_absent=True)
CLAIM = Observation(method="m", outcome=Outcome.UNSUPPORTED, message="not for an empty batch")


@pytest.mark.parametrize(
    ("base", "candidate", "kinds"),
    [
        # A crash is mended, and a listed issue that stood behind it shows.
        (HIDDEN, BEHIND, (Kind.FIXED,)),
        # What the base is not listed with is new; an issue that shows in a worse way is no mended one.
        (HIDDEN, UNLISTED, (Kind.OTHERWISE_WRONG,)),
        (HIDDEN, SAME_ISSUE, (Kind.OTHERWISE_WRONG,)),
        (RIGHT, BEHIND, (Kind.BROKEN,)),
        (RIGHT, RIGHT, ()),
        (RIGHT, WRONG, (Kind.BROKEN,)),
        (RIGHT, CRASH, (Kind.BROKEN,)),
        (CLAIM, WRONG, (Kind.BROKEN,)),
        (WRONG, WRONG, ()),
        (WRONG, CRASH, (Kind.OTHERWISE_WRONG,)),
        (CRASH, OTHER_CRASH, (Kind.OTHERWISE_REFUSED,)),
        (CRASH, END, (Kind.OTHERWISE_WRONG,)),
        (WRONG, RIGHT, (Kind.FIXED,)),
        (CRASH, CLAIM, (Kind.FIXED,)),
        (RIGHT, REFUSAL, (Kind.NO_LONGER_SUPPORTED,)),
        (RIGHT, CLAIM, (Kind.NO_LONGER_SUPPORTED,)),
        (RIGHT, ABSENT, (Kind.NO_LONGER_SUPPORTED,)),
        (WRONG, ABSENT, (Kind.NO_LONGER_SUPPORTED,)),
        (CRASH, ABSENT, (Kind.NO_LONGER_SUPPORTED,)),
        (ABSENT, ABSENT, ()),
        (ABSENT, RIGHT, (Kind.NEWLY_SUPPORTED,)),
        (REFUSAL, RIGHT, (Kind.NEWLY_SUPPORTED,)),
        (CLAIM, CLAIM, ()),
        (CLAIM, REFUSAL, (Kind.OTHERWISE_REFUSED,)),
        (RIGHT, replace(RIGHT, leaves=("stale",)), (Kind.LEAVES,)),
        (RIGHT, replace(RIGHT, warnings=("UserWarning: x",)), (Kind.WARNS,)),
    ],
)
def test_kinds_of_change(base: Observation, candidate: Observation, kinds: tuple[Kind, ...]) -> None:
    """Every pair of what two sides did has its kinds, and the kinds that matter are those of correctness."""
    assert kinds_of_change(base, candidate) == kinds


CHANGE = Change(
    id="x", kind=Kind.WARNS, method="sqrt_ggn_sum", device="cpu", base="", candidate="warns FutureWarning", seen=3
)


def test_an_acceptance_matches_what_it_names(tmp_path: Path) -> None:
    """Kind, method and a part of the message; what matches nothing is given back."""
    path = tmp_path / "accepted.toml"
    path.write_text(
        '[[accept]]\nkind = "warns otherwise"\nmethod = "sqrt_ggn_sum"\ncontains = "Future"\nreason = "PR 12"\n'
        '[[accept]]\nkind = "broken"\nreason = "all of it"\n'
    )
    (change,), unmatched = accept([CHANGE], load_acceptances(path))
    assert change.accepted == "PR 12"
    assert [acceptance.kind for acceptance in unmatched] == ["broken"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("accept = 3", "accept"),
        ("[[accept]]\nkind = 'broken'", "reason"),
        ("[[accept]]\nkind = 'broke'\nreason = 'x'", "kind 'broke' is not known"),
        ("[[accept]]\nkind = 'broken'\nreason = ' '", "reason is empty"),
        ("[[accept]]\nkind = 'broken'\nreason = 'x'\nmethods = 'y'", "methods"),
        ("[[acept]]\nkind = 'broken'", "acept: Unexpected"),
        ("[[", "no TOML"),
    ],
)
def test_an_acceptance_without_meaning_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """A typo in it would accept nothing, or too much."""
    path = tmp_path / "accepted.toml"
    path.write_text(text)
    with pytest.raises(UnreadableFile, match=message):
        load_acceptances(path)


def test_the_journal_keeps_whole_entries_only(tmp_path: Path) -> None:
    """What a kill left half written is cut off; everything before it stays."""
    path = tmp_path / "journal.jsonl"
    entries = [Entry(number=i, device="cpu", pairs=(Pair(method="m", base=RIGHT, candidate=WRONG),)) for i in range(3)]
    with Journal(Entry, path) as journal:
        for entry in entries:
            journal.write(entry)
    whole = path.read_bytes()
    for cut in (len(whole) - 1, len(whole) // 2, 1, 0):
        path.write_bytes(whole[:cut])
        with Journal(Entry, path) as journal:
            kept = len(journal.entries)
            assert journal.entries == entries[:kept]
            journal.write(entries[kept])
        assert path.read_bytes() == b"".join(whole.splitlines(keepends=True)[: kept + 1])


def test_only_a_whole_comparison_opens_the_gate() -> None:
    """One that compared nothing, left a method out or was interrupted says nothing."""
    side = SideRecord(asked="", python="", versions={}, files={}, missing={}, command="")
    asked = GateSettings(
        base="", candidate="", profile="quick", seed=0, methods=("m",), devices=(), dtypes=(), families=FAMILIES
    )
    cell = GateCell(method="m", device="cpu", dtype="float64", family="smooth", cases=1, same=1, ulps=SOME)
    whole = GateReport(settings=asked, base=side, candidate=side, cases=1, cells=(cell,), changes=())
    assert whole.is_open
    nothing = replace(cell, ulps=(0,) * len(LABELS))
    for partial in ({"cells": ()}, {"cells": (nothing,)}, {"interrupted": True}):
        assert not replace(whole, **partial).is_open


def test_a_method_may_refuse_the_families_that_were_asked_for() -> None:
    """It is told and leaves the gate open, if another one was compared; of all families each must do some case."""
    side = SideRecord(asked="", python="", versions={}, files={}, missing={}, command="")
    some = GateSettings(
        base="", candidate="", profile="quick", seed=0, methods=("m", "n"), devices=(), dtypes=(), families=("smooth",)
    )
    compared = GateCell(method="m", device="cpu", dtype="float64", family="smooth", cases=1, same=1, ulps=SOME)
    refused = GateCell(method="n", device="cpu", dtype="float64", family="smooth", cases=1, refused=1)
    report = GateReport(settings=some, base=side, candidate=side, cases=1, cells=(compared, refused), changes=())
    assert report.is_open
    assert "; n refuses all of them on both sides" in gate_answer(report)
    every = replace(report, settings=replace(some, families=FAMILIES))
    nothing = replace(report, cells=(replace(compared, same=0, refused=1, ulps=(0,) * len(LABELS)), refused))
    unasked = replace(report, cells=(compared,))
    for shut, of in ((every, "n"), (nothing, "m, n"), (unasked, "n")):
        assert not shut.is_open
        assert f"nothing was compared of {of}:" in gate_answer(shut)


def test_a_row_of_the_matrix_that_is_marked_otherwise_is_told() -> None:
    """The cases of the rows that are no boundary cases are among those of a gate; what is no row changes no cell."""
    row, *_ = [case for case in cases_of_rows(("float64",)) if isinstance(case.layers[1], ELU)]
    was, now = replace(RIGHT, gravest=Outcome.AGREES), replace(WRONG, gravest=Outcome.DISAGREES)
    pairs = (Pair(method="m", base=was, candidate=now), Pair(method="same"), Pair(method="n", base=was, candidate=was))
    entry = Entry(number=0, device="cpu", pairs=pairs)
    assert list(map(str, cells_changed(row, entry))) == [
        "m, perceptrons: ELU, float64 on cpu: AGREES -> DISAGREES (0.3 instead of 0.4)"
    ]
    assert not list(cells_changed(replace(row, seed=2), entry))
    absent = replace(entry, pairs=(Pair(method="m", base=was, candidate=ABSENT),))
    assert [cell.now for cell in cells_changed(row, absent)] == [None]


def test_markdown_stays_text() -> None:
    """A message of a library cannot bring markup, mentions or rows of its own into a comment."""
    hostile = "a|b\n\n<script>alert(1)</script> @everyone `x` [l](javascript:0) #1"
    shown = escaped(hostile)
    assert "\n" not in shown
    for forbidden in ("<", " @", " |", "](", " #"):
        assert forbidden not in shown.replace("\\", " \\")[1:] or f"\\{forbidden.strip()}" in shown
