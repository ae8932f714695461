"""Mutants in one real run of pytest: which tests are red, what they say, what is expected or skipped."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

import pytest
from jaccheck_support.testing import pasted

from jaccheck.case import Case
from jaccheck.judging import TESTED
from jaccheck.reports import CaseFile, load

pytestmark = pytest.mark.slow

MUTANTS = {
    "structure": "wrong_order",
    "agreement": "sample_roll",
    "purity": "leaked_hook",
    "no_aliasing": "overlapping_tensors",
    "repeatability": "accumulates",
    "out_argument": "out_ignored",
    "batch": "kept_by_samples",
    "outputs": "kept_by_trainable_layers",
    "freed_memory": "kept_network",
    "no_exception": "crash_on_an_unknown_layer",
}
"""For each law a mutant of the catalogue that it alone sees."""

METHODS = '''
import torch
from torch.func import functional_call, jacrev
import jaccheck

def right(problem):
    """torch.func.jacrev of the whole batch; the two biases of an LSTM come in one memory."""
    def f(parameters):
        return functional_call(problem.model, parameters, (problem.X,)).reshape(problem.N, problem.C)
    J = jacrev(f)({name: p.detach() for name, p in problem.parameters.items()})
    return {name: j.clone() for name, j in J.items()}

@jaccheck.method(family="own")
def negated(problem):
    return {name: -j for name, j in right(problem).items()}

def wrong_for_seven_to_nine(problem):
    return {name: 2 * j if problem.N in (7, 8, 9) else j for name, j in right(problem).items()}

def wrong_for_seven(problem):
    factor = (-1 if problem.C % 2 else 0) if problem.N == 7 else 1
    return {name: factor * j for name, j in right(problem).items()}

def raising(problem):
    raise RuntimeError("not today")

@jaccheck.method(family="own", dtypes=("float64",))
def modest(problem):
    return right(problem)
'''

TESTS = """
from jaccheck.conformance import conforms
from jaccheck.selftest import catalogue
from methods import modest, raising, right, wrong_for_seven_to_nine, wrong_for_seven

test_negated = conforms("methods:negated")
test_rare = conforms(wrong_for_seven_to_nine)
test_two = conforms(wrong_for_seven)
test_raising = conforms(raising)
test_modest = conforms(modest)
test_known = conforms("methods:negated", expected_failures={"agreement": "the sign is wrong, issue 12"})
test_mended = conforms(right, expected_failures={"purity-float32": "mended?", "purity-float64": "not in this run"})
"""


@dataclass(frozen=True)
class Red:
    """What was run: its folder, what it printed, and by test the kind of its result and its text."""

    folder: Path
    printed: str
    results: dict[str, tuple[str, str]]

    def of_kind(self, kind: str, prefix: str) -> set[str]:
        """Names of the tests that start with `prefix` and ended so."""
        return {name for name, (found, _) in self.results.items() if found == kind and name.startswith(prefix)}

    def cases(self, name: str) -> list[Case]:
        """The cases that a failed test printed, pasted."""
        return [pasted(line) for line in re.findall(r"^Case\(.*$", self.results[name][1], re.M)]


@pytest.fixture(scope="module")
def red(tmp_path_factory: pytest.TempPathFactory) -> Red:
    """Two runs: all with few random cases; what only random cases show with more of them, the same every time."""
    folder = tmp_path_factory.mktemp("red")
    mutants = [f"test_{law}_mutant = conforms(catalogue()[{name!r}].method())" for law, name in MUTANTS.items()]
    (folder / "methods.py").write_text(METHODS)
    (folder / "test_methods.py").write_text("\n".join([TESTS, *mutants]))
    printed = _pytest(
        folder, "dev", "mutant or negated and agreement or known and agreement or raising or modest or mended"
    )
    results = _results(folder)
    printed += _pytest(folder, "ci", "(rare or two) and agreement")
    return Red(folder, printed, results | _results(folder))


def _pytest(folder: Path, profile: str, wanted: str) -> str:
    """What a run over two workers prints; it must be red."""
    options = ["-p", "no:cacheprovider", "--jaccheck-dtype=float32", "--junitxml=out.xml", "-n", "2"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, f"--jaccheck-profile={profile}", "-k", wanted],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(folder)},
    )
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    return done.stdout


def _results(folder: Path) -> dict[str, tuple[str, str]]:
    results: dict[str, tuple[str, str]] = {}
    for test in ElementTree.parse(folder / "out.xml").iter("testcase"):
        result = next((child for child in test if child.tag in ("failure", "skipped")), None)
        if result is None:
            results[test.attrib["name"]] = "passed", ""
        else:
            kind = result.get("type", result.tag).removeprefix("pytest.") if result.tag == "skipped" else result.tag
            results[test.attrib["name"]] = kind, (result.text if kind == "failure" else result.get("message")) or ""
    return results


def test_each_law_sees_its_mutant(red: Red) -> None:
    """One test fails for each mutant, the others of the same method pass."""
    for law in MUTANTS:
        assert red.of_kind("failure", f"test_{law}_mutant") == {f"test_{law}_mutant[{law}-cpu-float32]"}
        assert len(red.of_kind("passed", f"test_{law}_mutant")) >= len(TESTED) - 2


def test_a_failure_says_what_is_needed(red: Red) -> None:
    """What differs, the case, a script that shows it without jaccheck, how to replay it; no frame of jaccheck."""
    _, text = red.results["test_negated[agreement-cpu-float32]"]
    assert "DISAGREES: methods:negated on cpu, agreement: 0.weight[0, 0, 0, 0]: " in text
    assert not re.search(r"(jaccheck|hypothesis)/\S+\.py:\d+", red.printed)
    assert "Traceback" not in red.printed
    assert "During handling" not in red.printed
    path, *others = re.findall(r"^To see it again: jaccheck replay (\S+) --method methods:negated$", text, re.M)
    finding = load(CaseFile, red.folder / path).finding
    assert finding is not None
    stored = red.cases("test_negated[agreement-cpu-float32]")
    assert finding.case in stored
    assert len(stored) == 1 + len(others)
    assert finding.case.batch_size == 1
    assert finding.script in text
    shown = subprocess.run([sys.executable, "-c", finding.script], capture_output=True, text=True, check=True).stdout
    actual, expected = re.findall(r"^(?:actual|expected) +(\S+)", shown, re.M)
    assert float(actual) == -float(expected)


def test_replay_reads_what_was_stored(red: Red) -> None:
    """The command that a failure prints says FAILED as long as the mutant is there."""
    path = min((red.folder / "jaccheck-findings").glob("*negated-agreement*"))
    command = [sys.executable, "-m", "jaccheck", "replay", str(path), "--method", "methods:negated"]
    environment = {**os.environ, "PYTHONPATH": str(red.folder)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 1
    assert done.stdout.startswith(f"DISAGREES: {path}: methods:negated, agreement: ")


def test_hypothesis_shrinks_random_cases(red: Red) -> None:
    """A mutant that no boundary case triggers is found in random ones and shrunk to what it needs."""
    (case,) = red.cases("test_rare[agreement-cpu-float32]")
    assert case.batch_size == 7
    assert [layer.kind for _, layer in case.leaves()] == ["Linear"]
    assert case.dtype == "float32"


def test_kinds_of_failure_are_told_apart(red: Red) -> None:
    """Two mutants under one law in random cases are two findings of one test."""
    assert {case.outputs % 2 for case in red.cases("test_two[agreement-cpu-float32]")} == {0, 1}


def test_a_crash_leaves_the_other_laws_unasked(red: Red) -> None:
    """They fail as vacuous, rather than pass; a claim was looked at all the same."""
    laws = {law.id for law in TESTED} - {"out_argument", "claims"}
    assert red.of_kind("failure", "test_raising") == {f"test_raising[{law}-cpu-float32]" for law in laws}
    assert "no exception: RuntimeError: not today" in red.results["test_raising[no_exception-cpu-float32]"][1]
    for law in laws - {"no_exception"}:
        assert "VACUOUS: nothing was compared in generic, " in red.results[f"test_raising[{law}-cpu-float32]"][1]


def test_what_is_refused_is_skipped_and_tried(red: Red) -> None:
    """A method that refuses a whole dtype is skipped there with its reason; that it could do it fails the claim."""
    assert red.of_kind("failure", "test_modest") == {"test_modest[claims-cpu-float32]"}
    assert len(red.of_kind("skip", "test_modest")) == len(TESTED) - 2
    _, text = red.results["test_modest[purity-cpu-float32]"]
    assert "unsupported, as the method declares: float32 is not among its dtypes float64" in text
    assert "the claim is out of date" in red.results["test_modest[claims-cpu-float32]"][1]


def test_an_expected_failure_is_no_failure(red: Red) -> None:
    """It is counted apart, with its reason."""
    kind, text = red.results["test_known[agreement-cpu-float32]"]
    assert kind == "xfail"
    assert "the sign is wrong, issue 12" in text


def test_an_expected_failure_that_passes_fails(red: Red) -> None:
    """So that it is taken off the list; in another dtype nothing was expected."""
    assert red.of_kind("failure", "test_mended") == {"test_mended[purity-cpu-float32]"}
    assert "[XPASS(strict)] mended?" in red.results["test_mended[purity-cpu-float32]"][1]


def test_the_summary_counts_findings_once(red: Red) -> None:
    """Whichever worker saw them; those that were expected are not among them."""
    summaries = [part.split("\n====")[0] for part in red.printed.split(" jaccheck ==")[1:]]
    told = summaries[0].count("\nDISAGREES: methods:negated on cpu, agreement: ")
    assert told == len(list((red.folder / "jaccheck-findings").glob("*negated-agreement*")))
    listed = [set(re.findall(r"^    jaccheck-findings/(\S+)$", summary, re.M)) for summary in summaries]
    assert set.union(*listed) == {path.name for path in (red.folder / "jaccheck-findings").iterdir()}
    for summary, files in zip(summaries, listed, strict=True):
        assert re.search(rf"^{len(files)} findings in \d+ checks$", summary, re.M)
