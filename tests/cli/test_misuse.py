"""Misuse ends in one clear line and exit code 2, before anything runs, never in a traceback."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from jaccheck_support.testing import Run

from jaccheck.case import Case
from jaccheck.core import to_json
from jaccheck.reports import CaseFile, save


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--method", "batch_grad_lop"), "did you mean batch_grad_loop"),
        (("--method", "no.such.module:f"), "does not import"),
        (("--device", "cuda:7"), "torch reports cpu"),
        (("--dtype", "float8"), "dtype 'float8' is not known"),
        (("--family", "sqare"), "did you mean square"),
        (("--profile", "nightl"), "did you mean nightly"),
        (("--max-examples", "0"), "'--max-examples'"),
        (("--time", "-1"), "'--time'"),
        (("--time", "inf"), "'--time'"),
        (("--time", "nan"), "'nan' is no number; expected one in the range"),
        (("--time", "9" * 30), "'--time'"),
        (("--case-seconds", "nan"), "'--case-seconds'"),
        (("--max-examples", "9" * 30), "'--max-examples'"),
        (("--workers", "9" * 5000), "give a number from 0 to 256, or auto"),
        (("--case-memory", "9" * 400 + "T"), "is no size"),
        (("--seed", "1", "--shard", f"1/{'9' * 5000}"), "expected NUMBER/OF"),
        (("--findings", "/dev/null/findings"), "choose another folder"),
        (("--seed", "-1"), "'--seed'"),
        (("--cases", "nowhere.json"), "nowhere.json: cannot be read"),
        (("--report", "nowhere/report.json"), "cannot be written"),
        (("--report", "report.yaml"), "use .html, .json, .md (Markdown) or .xml (JUnit)"),
        (("--surprise",), "'--profile'? See `"),
        (("--case-memory", "5x"), "'5x' is no size; expected a number with KiB, MiB, GiB or TiB, as in 2GiB"),
    ],
)
def test_a_wrong_argument(jaccheck_here: Run, tmp_path: Path, arguments: tuple[str, ...], complaint: str) -> None:
    """The line names the thing, its value and what was expected."""
    done = jaccheck_here("verify", *arguments)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("jaccheck: ")
    assert done.stderr.count("\n") == 1
    assert complaint in done.stderr
    assert not list(tmp_path.iterdir()), "something was stored"


HOSTILE = {
    "truncated": lambda text: text[: len(text) // 2],
    "empty": lambda text: "",
    "another version": lambda text: text.replace('"schema_version": 1', '"schema_version": 3'),
    "no version": lambda text: text.replace('"schema_version": 1,', ""),
    "wrong type": lambda text: text.replace('"out_features": 4', '"out_features": "four"'),
    "absurdly large": lambda text: text.replace('"out_features": 4', '"out_features": 1000000000'),
    "unknown field": lambda text: text.replace('"seed": 0', '"seed": 0, "command": "rm"'),
    "a list": lambda text: "[1, 2]",
    "deeply nested": lambda text: "[" * 200_000,
    "not text": lambda text: "\udcff",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_case_file(jaccheck_here: Run, tmp_path: Path, case: Case, kind: str) -> None:
    """Nothing is allocated or run for a file that does not hold what it should."""
    text = json.dumps({"schema_version": 1, "cases": [json.loads(to_json(case))], "finding": None}, indent=1)
    path = tmp_path / "cases.json"
    path.write_bytes(HOSTILE[kind](text).encode("utf-8", "surrogateescape"))
    done = jaccheck_here("verify", "--cases", path)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(f"jaccheck: {path}: ")
    assert done.stderr.count("\n") == 1
    assert len(done.stderr) < 600


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write everywhere; the missing folder above is tested as root")
def test_a_read_only_report_path(jaccheck_here: Run, tmp_path: Path) -> None:
    """Found before the run, not after it."""
    (tmp_path / "locked").mkdir(mode=0o500)
    done = jaccheck_here("verify", "--report", tmp_path / "locked" / "report.json")
    assert done.returncode == 2


def test_a_checked_report_path_is_left_alone(jaccheck_here: Run, tmp_path: Path) -> None:
    """A report that is there is not emptied by a run that is refused."""
    path = tmp_path / "report.json"
    path.write_text("precious")
    assert jaccheck_here("verify", "--report", path, "--method", "nonsense").returncode == 2
    assert path.read_text() == "precious"
    assert jaccheck_here("verify", "--report", tmp_path / "new.json", "--method", "nonsense").returncode == 2
    assert not (tmp_path / "new.json").exists()


def test_stored_cases_run(jaccheck_here: Run, tmp_path: Path, case: Case) -> None:
    """A case file runs instead of drawn cases."""
    path = tmp_path / "cases.json"
    save(CaseFile(cases=(case,)), path)
    done = jaccheck_here("verify", "--cases", path, "--method", "autograd_batched", "--report", tmp_path / "out.json")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "out.json").read_text())["totals"]["cases"] == 1
