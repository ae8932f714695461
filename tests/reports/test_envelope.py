"""Every report and case file has one envelope: its kind and version are looked at first, and older ones are read."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jaccheck_support.fuzzing import valid
from jaccheck_support.testing import Run

from jaccheck import reports
from jaccheck.case import Case, Linear
from jaccheck.errors import IncompatibleFile, UnreadableFile
from jaccheck.reports import BenchReport, CaseFile, MatrixReport, Report, converters, load, save
from jaccheck.reports.envelope import SCHEMA_VERSION

KINDS = {
    "bench": BenchReport,
    "cases": CaseFile,
    "check": reports.ModelReport,
    "gate": reports.GateReport,
    "matrix": MatrixReport,
    "selftest": reports.SelftestReport,
    "sequences": reports.SequenceReport,
    "verify": Report,
}
CASES = CaseFile(cases=(Case(layers=(Linear(out_features=2),), in_shape=(3,), batch_size=1),))


def written(value: Any, path: Path, **changes: object) -> Path:
    """A file with changes at its top; None takes a name out."""
    save(value, path)
    tree = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({name: each for name, each in tree.items() if each is not None}))
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_says_what_it_is_and_is_read_back(kind: str, tmp_path: Path) -> None:
    """The kind and the version stand first, where a reader who looks at the file sees them."""
    value = valid(KINDS[kind], random.Random(1))
    path = tmp_path / "new folder" / "file.json"
    save(value, path)
    assert list(json.loads(path.read_text()).items())[:2] == [("kind", kind), ("schema_version", SCHEMA_VERSION)]
    assert repr(load(KINDS[kind], path)) == repr(value)


@pytest.mark.parametrize(
    ("changes", "error", "line"),
    [
        ({"kind": "gate"}, UnreadableFile, "kind is 'gate', expected 'cases'"),
        ({"kind": None}, UnreadableFile, "kind is None, expected 'cases'"),
        ({"kind": "gate", "schema_version": 3}, IncompatibleFile, "schema_version is 3, this jaccheck reads 1 to 2"),
        ({"schema_version": True}, IncompatibleFile, "schema_version is True, this jaccheck reads 1 to 2"),
        ({"schema_version": None}, IncompatibleFile, "schema_version is None, this jaccheck reads 1 to 2"),
    ],
)
def test_another_envelope_is_one_line(
    tmp_path: Path, changes: dict[str, object], error: type[Exception], line: str
) -> None:
    """The version before the kind: a newer one may have other kinds."""
    path = written(CASES, tmp_path / "cases.json", **changes)
    with pytest.raises(error) as raised:
        load(CaseFile, path)
    assert type(raised.value) is error
    assert str(raised.value) == f"{path}: {line}"


def test_a_file_of_the_first_version_is_read(tmp_path: Path) -> None:
    """It names no kind."""
    assert load(CaseFile, written(CASES, tmp_path / "cases.json", kind=None, schema_version=1)) == CASES


def test_a_mutant_of_the_first_version_is_found_by_its_new_name(tmp_path: Path) -> None:
    """Wherever the file names it; text in which the old name stands is left as it is."""
    report = replace(valid(Report, random.Random(1)), findings=())  # those of version 1 had other fields
    settings = replace(report.settings, methods=("hooks", "mutant:sign", "about fault:sign"))
    path = written(replace(report, settings=settings, given_up=("mutant:sign",)), tmp_path / "report.json")
    path.write_text(path.read_text().replace('"mutant:', '"fault:'))
    tree = json.loads(path.read_text())
    read = load(Report, written(report, tmp_path / "old.json", **{**tree, "kind": None, "schema_version": 1}))
    assert read.settings.methods == settings.methods
    assert read.given_up == ("mutant:sign",)


def test_a_converter_changes_what_is_older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And only that; where a file does not hold what its version says, the one line says so."""

    def renamed(tree: converters.Tree) -> None:
        tree["cases"] = tree.pop("networks")

    monkeypatch.setitem(converters.CONVERTERS[1], "cases", renamed)  # type: ignore[arg-type]
    assert load(CaseFile, written(CASES, tmp_path / "new.json")) == CASES
    tree = json.loads((tmp_path / "new.json").read_text())
    old = written(CASES, tmp_path / "old.json", kind=None, schema_version=1, cases=None, networks=tree["cases"])
    assert load(CaseFile, old) == CASES
    broken = written(CASES, tmp_path / "broken.json", kind=None, schema_version=1)
    with pytest.raises(UnreadableFile, match=r"broken\.json: holds no cases of schema version 1$"):
        load(CaseFile, broken)


def test_a_report_of_another_command_ends_in_one_line(jaccheck_here: Run, tmp_path: Path) -> None:
    """Exit code 2, whoever reads it."""
    save(valid(MatrixReport, random.Random(1)), tmp_path / "matrix.json")
    done = jaccheck_here("report", "matrix.json")
    assert done.returncode == 2
    assert done.stderr == "jaccheck: matrix.json: kind is 'matrix', expected 'verify'\n"
