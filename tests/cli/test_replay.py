"""`jaccheck replay` answers for each file, and never mistakes one answer for another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from jaccheck_support.testing import Run, finding_on

from jaccheck.case import Case
from jaccheck.core import to_json
from jaccheck.reports import CaseFile, Failure, Outcome, Told, save

METHODS = """
import ctypes, os
import torch
import jaccheck
from jaccheck.methods import find_method

def right(problem):
    return find_method("vmap_vjp").compute(problem)

def method(**options):
    return jaccheck.method(family="own", **options)

@method()
def holds(problem):
    return right(problem)

@method()
def doubles(problem):
    return {name: 2 * J for name, J in right(problem).items()}

calls = 0

@method()
def doubles_now_and_then(problem):
    global calls
    calls += 1
    return doubles(problem) if calls % 13 == 0 else right(problem)

@method()
def raises(problem):
    raise RuntimeError("broken now")

@method()
def other_structure(problem):
    return {name: J[0] for name, J in right(problem).items()}

@method()
def gives_numpy(problem):
    return {name: J.numpy() for name, J in right(problem).items()}

@method(unsupported=lambda problem: "not any more")
def refuses(problem):
    return right(problem)

@method()
def leaves_something(problem):
    torch.set_default_dtype(torch.float64)
    return right(problem)

@method()
def ends(problem):
    os._exit(0)

@method()
def is_killed(problem):
    ctypes.string_at(0)

@method()
def interrupts(problem):
    raise KeyboardInterrupt

@method()
def prints_on_and_on(problem):
    while True:
        os.write(1, b"x" * 2**16)
"""

ANSWERS = {
    "holds": "FIXED",
    "doubles": "DISAGREES",
    "doubles_now_and_then": "DISAGREES",
    "raises": "FAILED: CRASHED now: RuntimeError: broken now",
    "other_structure": "FAILED: DISAGREES now: shape",
    "gives_numpy": "FAILED: DISAGREES now: expected a dict of tensors",
    "refuses": "FAILED: UNSUPPORTED now: not any more",
    "leaves_something": "FAILED: SIDE_EFFECT now: default dtype",
    "ends": "FAILED: CRASHED now: exit code 0",
    "is_killed": "FAILED: CRASHED now: SIGSEGV",
    "interrupts": "FAILED: CRASHED now: KeyboardInterrupt",
    "prints_on_and_on": "FAILED: CRASHED now: standard output",
}
"""What is said of a finding that each of these methods once was wrong, by the law of agreement: words in that order."""


@pytest.fixture
def stored(tmp_path: Path, case: Case) -> Path:
    """A stored finding that is not there any more."""
    finding = finding_on(case)
    path = tmp_path / "found" / "finding.json"
    save(CaseFile(cases=(case,), finding=finding), path)
    return path


@pytest.mark.fast
def test_fixed(jaccheck: Run, stored: Path) -> None:
    """A folder of findings is replayed file by file."""
    done = jaccheck("replay", stored.parent)
    assert done.returncode == 0
    assert done.stdout.startswith(f"FIXED: {stored}")


@pytest.mark.parametrize(
    ("old", "new", "answer"),
    [
        ('"schema_version": 2', '"schema_version": 7', "INCOMPATIBLE"),
        ('"autograd_batched"', '"no_such_method"', "ERROR"),
        ('"out_features": 4', '"out_features": 1000000000', "ERROR"),
    ],
)
def test_what_cannot_be_replayed(jaccheck: Run, stored: Path, old: str, new: str, answer: str) -> None:
    """Exit code 2, and one line that says why."""
    text = stored.read_text()
    assert old in text
    stored.write_text(text.replace(old, new))
    done = jaccheck("replay", stored)
    assert done.returncode == 2
    assert done.stdout.startswith(f"{answer}: {stored}: ")
    assert done.stdout.count("\n") == 1


def test_cases_without_a_finding(jaccheck: Run, tmp_path: Path, case: Case) -> None:
    """They are for `verify --cases`."""
    save(CaseFile(cases=(case,)), tmp_path / "cases.json")
    done = jaccheck("replay", tmp_path / "cases.json")
    assert done.returncode == 2
    assert "jaccheck verify --cases" in done.stdout


def test_a_missing_folder(jaccheck: Run, tmp_path: Path) -> None:
    """Named, as every other misuse."""
    (tmp_path / "empty").mkdir()
    done = jaccheck("replay", tmp_path / "empty")
    assert done.returncode == 2
    assert "holds no .json files" in done.stderr


def test_a_method_that_is_wrong_in_another_way_is_not_fixed(jaccheck: Run, tmp_path: Path, case: Case) -> None:
    """Fixed is only what was asked again and held; whatever ends the process is told, and the next file is asked."""
    (tmp_path / "own_methods.py").write_text(METHODS)
    options = []
    for number, name in enumerate(ANSWERS):
        finding = finding_on(case, method=f"own_methods:{name}")
        save(CaseFile(cases=(case,), finding=finding), tmp_path / "found" / f"{number:02}-{name}.json")
        options += ["--method", finding.method]
    done = jaccheck("replay", "found", *options)
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(ANSWERS)
    for line, (name, words) in zip(lines, ANSWERS.items(), strict=True):
        assert f"-{name}.json: " in line
        rest = line
        for word in words.split(": "):
            assert word in rest, line
            rest = rest.partition(word)[2]


@pytest.mark.parametrize(
    ("law", "outcome", "answer"),
    [
        ("agreement", Outcome.SIDE_EFFECT, "FAILED"),
        ("purity", Outcome.SIDE_EFFECT, "FAILED"),
        ("out argument", Outcome.DISAGREES, "FAILED"),
        ("agrement", Outcome.DISAGREES, "ERROR"),
    ],
)
def test_another_law_or_outcome(
    jaccheck: Run, tmp_path: Path, case: Case, law: str, outcome: Outcome, answer: str
) -> None:
    """A law is fixed where it holds and nothing else is wrong; one that does not exist, nobody can ask."""
    failure = Failure(law=law, outcome=outcome, detail=Told(text="once"))
    finding = finding_on(case, method="mutant:sample_roll", failure=failure)
    save(CaseFile(cases=(case,), finding=finding), tmp_path / "finding.json")
    done = jaccheck("replay", "finding.json")
    assert done.stdout.startswith(f"{answer}: finding.json: ")
    assert done.returncode == {"FAILED": 1, "ERROR": 2}[answer]


def test_a_law_that_says_nothing_of_the_case(jaccheck: Run, tmp_path: Path, case: Case) -> None:
    """It was not asked, so it is not fixed: the method takes no `out`."""
    failure = Failure(law="out argument", outcome=Outcome.DISAGREES, detail=Told(text="once"))
    save(CaseFile(cases=(case,), finding=finding_on(case, failure=failure)), tmp_path / "finding.json")
    done = jaccheck("replay", "finding.json")
    assert (done.returncode, "says nothing of this case" in done.stdout) == (1, True)


@pytest.mark.fast
@pytest.mark.parametrize("is_of_case", [True, False])
def test_what_the_case_alone_never_showed_is_not_fixed(
    jaccheck: Run, tmp_path: Path, case: Case, *, is_of_case: bool
) -> None:
    """It was right when it was asked so before, too; where nobody has asked it so, that is said."""
    failure = Failure(law="agreement", outcome=Outcome.DISAGREES, detail=Told(text="once", is_of_case=is_of_case))
    save(CaseFile(cases=(case,), finding=finding_on(case, failure=failure)), tmp_path / "finding.json")
    done = jaccheck("replay", "finding.json")
    if is_of_case:
        assert (done.returncode, done.stdout[:5]) == (0, "FIXED")
        assert "was never seen in a process of its own" in done.stdout
    else:
        assert done.returncode == 1
        assert done.stdout.startswith("FAILED: finding.json: UNDECIDED now: ")


def test_a_finding_whose_case_is_not_in_the_file(jaccheck: Run, tmp_path: Path, case: Case) -> None:
    """Nothing was asked of it: it is no FIXED."""
    other = replace(case, batch_size=case.batch_size + 1)
    for name, cases in (("none.json", ()), ("another.json", (other,))):
        (tmp_path / name).write_text(to_json(CaseFile(cases=cases, finding=finding_on(case))))
    done = jaccheck("replay", "none.json", "another.json", "absent.json")
    assert done.returncode == 2
    assert [line.split(": ")[:2] for line in done.stdout.splitlines()] == [
        ["ERROR", "none.json"],
        ["ERROR", "another.json"],
    ]
    versions, *rest = done.stderr.splitlines()
    assert versions.startswith("torch ")
    assert rest == ["ERROR: absent.json: cannot be read: No such file or directory"]
