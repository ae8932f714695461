"""The gate on real sides: copies of the installed backpack, changed or not, each in processes of its own."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from jaccheck_support.mended_copies import MENDED
from jaccheck_support.mutated_copies import ELU, LINEAR, SAVE, SELU, BackpackMutant, Edit, mutated_copy, shows_failure
from jaccheck_support.testing import Run

from jaccheck.case import Case
from jaccheck.core import from_json
from jaccheck.errors import BrokenEnvironment
from jaccheck.gate import parse_side, prepare
from jaccheck.gate.process import SideProcess
from jaccheck.methods import find_method, registered
from jaccheck.reports import CaseFile, GateReport, Kind, save

pytestmark = pytest.mark.slow

OLD, NEW = "backpack-for-pytorch==1.7.0", "backpack-for-pytorch==1.7.1"

SMALL = ("--family", "smooth", "--dtype", "float64", "--quiet")

COMMENT = Edit(LINEAR, "class Linear", "# A comment.\nclass Linear")

SEVERAL = (
    Edit(SELU, "        non_pos = le(input0, 0)\n", '        raise NotImplementedError("no SELU")\n'),
    Edit(ELU, "module.alpha * exp(input0[non_pos])", "exp(input0[non_pos])"),
    Edit(
        SAVE,
        "        setattr(getattr(module, param_str), extension.savefield, value)",
        "        setattr(getattr(module, param_str), extension.savefield, value)\n"
        '        setattr(module, "kept", None) if extension.savefield == "grad_batch" else None',
    ),
)
"""A refusal and a wrong slope in SqrtGGN, an attribute left behind in BatchGrad."""


def copy(folder: Path, name: str, *edits: Edit) -> Path:
    """A checkout of backpack with these edits."""
    return mutated_copy(BackpackMutant(name, "control", edits, ()), folder / name)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def gate(jaccheck: Run, base: Path, candidate: Path, cache: Path, *options: str) -> GateReport:
    done = jaccheck("gate", base, candidate, *SMALL, "--cache", cache, "--report", "gate.json", *options)
    assert done.returncode in (0, 1), done.stderr
    report = from_json(GateReport, (cache.parent / "gate.json").read_text(), where="gate.json")
    assert done.returncode == int(not report.is_open), done.stdout
    return report


def test_equal_code_gives_equal_bits(jaccheck: Run, tmp_path: Path, cache: Path) -> None:
    """A comment is no change; all that was compared was compared bit by bit."""
    report = gate(jaccheck, copy(tmp_path, "base"), copy(tmp_path, "other", COMMENT), cache)
    assert report.is_open
    assert report.changes == ()
    assert {cell.method for cell in report.cells} == {n for n in registered() if find_method(n).family == "backpack"}
    assert all(cell.same + cell.refused == cell.cases for cell in report.cells)
    assert report.base.files["backpack"] != report.candidate.files["backpack"]


def test_changes_are_named_for_what_they_are(jaccheck: Run, tmp_path: Path, cache: Path) -> None:
    """A refusal, a wrong number, something left behind: each by its own name, in its methods; then accepted.

    The second run asks the same question: it compares and shrinks nothing again.
    """
    base, spoilt = copy(tmp_path, "base"), copy(tmp_path, "spoilt", *SEVERAL)
    methods = ("--method", "batch_grad_loop", "--method", "sqrt_ggn_sum")
    report = gate(jaccheck, base, spoilt, cache, *methods, "--report", "gate.md", "--report", "gate.xml")
    assert {(change.kind, change.method) for change in report.changes} == {
        (Kind.BROKEN, "batch_grad_loop"),
        (Kind.BROKEN, "sqrt_ggn_sum"),
        (Kind.NO_LONGER_SUPPORTED, "sqrt_ggn_sum"),
    }
    messages = {change.method: change.candidate for change in report.changes if change.kind is Kind.BROKEN}
    assert "attribute kept is left behind" in messages["batch_grad_loop"]
    assert "instead of" in messages["sqrt_ggn_sum"]
    broken = next(c for c in report.changes if c.kind is Kind.BROKEN and c.method == "sqrt_ggn_sum")
    assert shows_failure(broken.script, Path(report.candidate.files["backpack"]).parent)
    assert not shows_failure(broken.script, Path(report.base.files["backpack"]).parent)
    assert "jaccheck gate: shut" in (tmp_path / "gate.md").read_text()
    assert "<failure" in (tmp_path / "gate.xml").read_text()

    accepted = tmp_path / "accepted.toml"
    accepted.write_text(
        '[[accept]]\nkind = "broken"\nreason = "on purpose"\n'
        '[[accept]]\nkind = "no longer supported"\ncontains = "no SELU"\nreason = "SELU is gone"\n'
        '[[accept]]\nkind = "slower"\nreason = "nothing is timed here"\n'
    )
    again = gate(jaccheck, base, spoilt, cache, *methods, "--accept", str(accepted))
    assert again.is_open
    assert [acceptance.kind for acceptance in again.unmatched] == ["slower"]
    assert again.resumed == again.cases
    assert [replace(change, accepted="") for change in again.changes] == list(report.changes)


def test_what_a_candidate_mends_is_fixed(jaccheck: Run, tmp_path: Path, cache: Path) -> None:
    """Three known issues, mended by hand in a copy of BackPACK: each is fixed, nothing is broken."""
    mended = mutated_copy(MENDED, tmp_path / "mended")
    options = ("--family", "pooling", "--family", "embedding", "--dtype", "float64", "--dtype", "float32", "--quiet")
    where = ("--cache", cache, "--report", "gate.json", "--method", "batch_grad_loop", "--method", "sqrt_ggn_sum")
    done = jaccheck("gate", copy(tmp_path, "base"), mended, *options, *where)
    assert done.returncode == 0, done.stdout + done.stderr
    report = from_json(GateReport, (tmp_path / "gate.json").read_text(), where="gate.json")
    assert {change.kind for change in report.changes} == {Kind.FIXED}
    told = {(change.method, change.base.split(":")[0]) for change in report.changes}
    assert ("batch_grad_loop", "CRASHED") in told
    assert {("sqrt_ggn_sum", each) for each in ("CRASHED", "SIDE_EFFECT", "DISAGREES")} <= told
    assert all(change.candidate.startswith(("AGREES", "UNDECIDED")) for change in report.changes)


def test_a_side_that_dies_is_a_result(jaccheck: Run, tmp_path: Path, cache: Path) -> None:
    """The process of the candidate aborts on a case; the gate names the method and goes on."""
    aborting = Edit(ELU, "        non_pos = le(input0, 0)\n", '        __import__("os").abort()\n')
    report = gate(
        jaccheck, copy(tmp_path, "base"), copy(tmp_path, "aborting", aborting), cache, "--method", "sqrt_ggn_sum"
    )
    (change,) = report.changes
    assert (change.kind, change.method) == (Kind.BROKEN, "sqrt_ggn_sum")
    assert "ended by SIGABRT" in change.candidate
    assert report.cells[0].same > 0


def test_a_side_without_the_package_is_a_result(jaccheck: Run, tmp_path: Path, cache: Path) -> None:
    """A checkout that does not import refuses everything, and says why."""
    broken = Edit("context.py", "class CTX:", 'raise ImportError("half a release")\n\n\nclass CTX:')
    report = gate(jaccheck, copy(tmp_path, "base"), copy(tmp_path, "broken", broken), cache)
    assert {change.kind for change in report.changes} == {Kind.NO_LONGER_SUPPORTED}
    assert "half a release" in report.changes[0].candidate
    assert not report.is_open


def test_a_gate_that_is_killed_goes_on(tmp_path: Path, cache: Path) -> None:
    """SIGKILL at random moments: every whole line of before stays, none comes twice, the report is that of one run."""
    base, spoilt = copy(tmp_path, "base"), copy(tmp_path, "spoilt", *SEVERAL)
    options = [str(base), str(spoilt), *SMALL, "--method", "batch_grad_loop", "--report", str(tmp_path / "gate.json")]

    def start(where: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "jaccheck", "gate", *options, "--cache", str(where)]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=tmp_path)

    def written() -> dict[Path, bytes]:
        files = [path for name in ("cases.json", "*.jsonl") for path in cache.glob(f"gates/*/{name}")]
        return {path: path.read_bytes() for path in files}

    started = time.monotonic()
    assert start(tmp_path / "undisturbed").wait() == 1
    seconds = time.monotonic() - started
    expected = from_json(GateReport, (tmp_path / "gate.json").read_text(), where="gate.json")
    chance = random.Random()
    kept: dict[Path, bytes] = {}
    for _ in range(3):
        process = start(cache)
        time.sleep(chance.uniform(0.1, 0.9) * seconds)
        process.kill()
        process.wait()
        found = written()
        assert all(found[path].startswith(content) for path, content in kept.items())
        kept = {path: content[: content.rfind(b"\n") + 1] for path, content in found.items()}
    assert start(cache).wait() == 1
    assert all(found.startswith(kept.get(path, b"")) for path, found in written().items())
    (journal,) = cache.glob("gates/*/journal.jsonl")
    assert [json.loads(line)["number"] for line in journal.read_text().splitlines()] == list(range(expected.cases))
    report = from_json(GateReport, (tmp_path / "gate.json").read_text(), where="gate.json")
    assert report.cells == expected.cells
    # Shrinking has a time limit, so how small a case gets depends on the machine.
    assert [replace(change, id="", case=None, script="") for change in report.changes] == [
        replace(change, id="", case=None, script="") for change in expected.changes
    ]
    assert not list((cache / "environments").glob("*.building-*"))


def test_a_side_that_is_not_what_it_should_be_is_refused(tmp_path: Path, cache: Path) -> None:
    """An environment whose package has gone would compare the installed version with itself."""
    prepared = prepare(parse_side(str(copy(tmp_path, "base"))), cache, lambda text: None)
    for file in Path(prepared.path[0]).rglob("*"):
        if file.is_file():
            os.unlink(file)
    with pytest.raises(BrokenEnvironment, match="comes from"):
        SideProcess(prepared, tmp_path / "scratch.bin")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((NEW, NEW), "with itself says nothing"),
        ((NEW, "$(touch owned)"), "is no requirement, wheel or directory"),
        ((OLD, NEW, "--fail-slower", "ten"), "no percentage"),
        ((OLD, NEW, "--cases", "absent.json"), "absent.json: cannot be read"),
        ((OLD, NEW, "--family", "sqare"), "did you mean square"),
        ((OLD, NEW, "--report", "gate.pdf"), "use .html, .json, .md (Markdown) or .xml (JUnit)"),
        (("torch==2.13.0", NEW, "--bisect"), "do not differ in the version of one distribution"),
    ],
)
def test_misuse_is_one_line(jaccheck: Run, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    """Exit code 2, before anything is built."""
    done = jaccheck("gate", *arguments, "--cache", tmp_path / "cache")
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "cache").exists()
    assert not (tmp_path / "owned").exists()


def test_stored_findings_come_first(jaccheck: Run, tmp_path: Path, cache: Path, case: Case) -> None:
    """What `verify` once found is asked of both sides before anything else; without it the question is another one."""
    base, other = copy(tmp_path, "base"), copy(tmp_path, "other", COMMENT)
    stored = tmp_path / "jaccheck-findings" / "one.json"
    save(CaseFile(cases=(case,)), stored)
    report = gate(jaccheck, base, other, cache, "--method", "batch_grad_loop")
    assert report.cells[0].family == case.family
    stored.unlink()
    without = gate(jaccheck, base, other, cache, "--method", "batch_grad_loop")
    assert (without.cases, without.resumed) == (report.cases - 1, 0)
    assert case.family not in {cell.family for cell in without.cells}
