"""Sequences of calls on both sides of the gate: what changed, by name, and what is mended is fixed."""

from __future__ import annotations

from pathlib import Path

import pytest
from jaccheck_support.mended_copies import MENDED_USES
from jaccheck_support.mutated_copies import ROOT, BackpackMutant, Edit, mutated_copy, shows_failure
from jaccheck_support.testing import Run

from jaccheck.core import from_json
from jaccheck.gate.uses import Played, changes_of_uses, kind_of, rows_of
from jaccheck.reports import GateReport, Kind, SequenceFinding

WRONG = SequenceFinding(kind="wrong value", message="1 instead of 2", script="raise AssertionError")
OTHER = SequenceFinding(kind="leftover", message="a hook", script="raise AssertionError")


def played(*wrong: str, met: tuple[str, ...] = (), finding: SequenceFinding | None = None) -> Played:
    return Played(name="use", met=(*wrong, *met), wrong=wrong, finding=finding)


@pytest.mark.parametrize(
    ("base", "candidate", "kind"),
    [
        (played(), played(), None),
        (played("a"), played("a"), None),
        (played(finding=WRONG), played(finding=WRONG), None),
        (played("a"), played(), Kind.FIXED),
        (played(finding=WRONG), played(), Kind.FIXED),
        (played(finding=WRONG), played("a"), Kind.FIXED),
        (played("a", met=("b",)), played("b"), Kind.FIXED),
        (played("a"), played("b"), Kind.OTHERWISE_WRONG),
        (played(finding=WRONG), played(finding=OTHER), Kind.OTHERWISE_WRONG),
        (played(), played("a"), Kind.BROKEN),
        (played(met=("a",)), played("a"), Kind.BROKEN),
        (played("a"), played("a", finding=WRONG), Kind.BROKEN),
        (played("reused-extension"), played(), None),
    ],
)
def test_what_is_mended_is_fixed_and_what_is_new_is_broken(base: Played, candidate: Played, kind: Kind | None) -> None:
    """By what was seen on both sides; an issue that the base had behind another is not new."""
    assert kind_of(base, candidate) is kind


def test_sequences_that_changed_alike_are_one_change() -> None:
    """Rows stay apart; the change counts them, and has the candidate's script."""
    base = tuple(Played(name=name) for name in ("one", "two", "three"))
    candidate = (*(Played(name=name, finding=WRONG) for name in ("one", "two")), Played(name="three"))
    rows = rows_of(base, candidate)
    assert [row.kind for row in rows] == [Kind.BROKEN, Kind.BROKEN, None]
    (change,) = changes_of_uses(rows, candidate)
    assert (change.seen, change.script, change.matters) == (2, WRONG.script, True)
    assert "right (one)" in change.base


def test_what_only_one_side_played_is_said() -> None:
    """A side that ended its process before the first sequence has no rows, and the other's say so."""
    (row,) = rows_of((), (Played(name="one"),))
    assert (row.base, row.candidate, row.kind) == ("not played", "right", None)


def gate(jaccheck: Run, base: Path, candidate: Path, folder: Path, *options: str) -> GateReport:
    where = ("--cache", folder / "cache", "--report", "gate.json", "--report", "gate.md", "--report", "gate.xml")
    done = jaccheck("gate", base, candidate, "--quiet", *where, *options)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    report = from_json(GateReport, (folder / "gate.json").read_text(), where="gate.json")
    assert done.returncode == int(not report.is_open), done.stdout
    return report


def copy(folder: Path, mutant: BackpackMutant) -> Path:
    return mutated_copy(mutant, folder / mutant.name)


@pytest.mark.slow
def test_a_copy_with_three_issues_mended_is_only_fixed(jaccheck: Run, tmp_path: Path) -> None:
    """Two of sequences and one of a layer, mended by hand: each is fixed, and nothing is broken."""
    base = copy(tmp_path, BackpackMutant("base", "control", ()))
    options = ("--family", "views", "--method", "sqrt_ggn_modules", "--dtype", "float64", "--sequences", "10")
    report = gate(jaccheck, base, copy(tmp_path, MENDED_USES), tmp_path, *options)
    assert report.is_open
    assert {change.kind for change in report.changes} == {Kind.FIXED}
    told = {use.name: (use.base, use.candidate) for use in report.uses if use.kind}
    assert told["way: a context inside another"] == ("known: inner-context-replaces-outer", "right")
    assert told["contexts: disable entered again inside itself"] == ("known: disable-entered-again", "right")
    assert any("slicing-repeated-indices" in was and now == "right" for was, now in told.values())
    assert any(change.method == "sqrt_ggn_modules" for change in report.changes)
    assert sum(use.base == use.candidate == "right" for use in report.uses) > 50
    assert "| way: a context inside another |" in (tmp_path / "gate.md").read_text()


@pytest.mark.slow
def test_a_fault_that_only_sequences_show_is_broken(jaccheck: Run, tmp_path: Path) -> None:
    """Leaving an inner context turns the outer one off: no case shows it, and the gate is shut, with a script."""
    base = copy(tmp_path, BackpackMutant("base", "control", ()))
    spoilt = Edit(ROOT, "        CTX.set_active_exts(self.old_CTX)\n", "        CTX.set_active_exts(())\n")
    worse = copy(tmp_path, BackpackMutant("worse", "hard", (spoilt,)))
    options = ("--family", "smooth", "--method", "batch_grad_loop", "--dtype", "float64", "--sequences", "0")
    report = gate(jaccheck, base, worse, tmp_path, *options)
    assert not report.is_open
    broken = [change for change in report.changes if change.matters]
    assert broken
    assert {change.method for change in broken} == {"sequences"}
    assert shows_failure(broken[0].script, worse)
    assert not shows_failure(broken[0].script, base)
    assert "<failure" in (tmp_path / "gate.xml").read_text()
