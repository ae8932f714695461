"""One call for a method, files of every kind by one function, and what a REPL shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import torch
from jaccheck_support.example_reports.judged import verify_report
from jaccheck_support.pages import REPORTS
from torch import nn

import jaccheck
from jaccheck.core import to_json
from jaccheck.errors import InvalidRequest, UnknownName, UnreadableFile
from jaccheck.reports import CaseFile

FEW = {"max_examples": 4, "families": ("generic",), "dtypes": ("float64",)}


def of_other_samples(problem: jaccheck.Problem) -> jaccheck.Jacobians:
    """Those of the samples in reverse."""
    return {name: J.flip(0) for name, J in jaccheck.jacobians(problem.model, problem.X).items()}


def by_jaccheck(problem: jaccheck.Problem) -> jaccheck.Jacobians:
    """What jaccheck itself gives."""
    return jaccheck.jacobians(problem.model, problem.X)


@pytest.mark.full
def test_a_wrong_function_raises_with_its_case_and_script() -> None:
    """A function that is not registered, named by its own name; with on_fail="report" it only stands in the report."""
    with pytest.raises(AssertionError, match=r"(?s)^of_other_samples: \d finding.*DISAGREES.*Case\(.*import torch"):
        jaccheck.check_method(of_other_samples, **FEW)  # type: ignore[arg-type]
    report = jaccheck.check_method(of_other_samples, on_fail="report", **FEW)  # type: ignore[arg-type]
    assert report.found_something
    assert {finding.method for finding in report.findings} == {"of_other_samples"}


def test_a_right_function_gives_its_report() -> None:
    """The same report for the same seed, by function or by name."""
    report = jaccheck.check_method(by_jaccheck, **FEW)  # type: ignore[arg-type]
    assert not report.found_something
    assert report.totals.cases == 4
    one, other = (jaccheck.verify(["hooks", by_jaccheck], seed=3, **FEW) for _ in range(2))  # type: ignore[arg-type]
    assert one.totals.entries == other.totals.entries > 0
    assert one.settings.methods == ("hooks", "by_jaccheck")


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"method": "hoks"}, UnknownName, "did you mean"),
        ({"method": 3}, InvalidRequest, "expected a name, a Method or a function"),
        ({"method": "hooks", "on_fail": "warn"}, InvalidRequest, "expected 'raise' or 'report'"),
        ({"method": "hooks", "profile": "quik"}, UnknownName, "quick"),
        ({"method": "hooks", "dtypes": ("int8",)}, UnknownName, "dtype"),
        ({"method": "hooks", "max_examples": 0}, InvalidRequest, "above 0"),
        ({"method": "hooks", "devices": (None,)}, InvalidRequest, r"devices=\(None,\)\): expected Sequence\[str\]"),
        ({"method": "hooks", "max_examples": float("inf")}, InvalidRequest, "whole number above 0"),
        ({"method": "hooks", "max_examples": "3"}, InvalidRequest, "whole number above 0"),
        ({"method": "hooks", "seed": -1}, InvalidRequest, "from 0 to 4,294,967,295"),
        ({"method": "hooks", "seed": float("nan")}, InvalidRequest, "seed=nan"),
        ({"method": "hooks", "profile": None}, InvalidRequest, r"profile=None\): expected str"),
        ({"method": "hooks", "families": (7,)}, InvalidRequest, r"families=\(7,\)\): expected Sequence\[str\]"),
    ],
)
def test_misuse_is_one_line(arguments: dict[str, object], error: type[Exception], said: str) -> None:
    """Of the class that it is of."""
    with pytest.raises(error, match=said) as raised:
        jaccheck.check_method(**arguments)  # type: ignore[arg-type]
    assert "\n" not in str(raised.value)


def test_two_methods_of_one_name_are_refused() -> None:
    """Findings name a method by its name alone; the same method twice is one."""

    def hooks(problem: jaccheck.Problem) -> jaccheck.Jacobians:
        return jaccheck.jacobians(problem.model, problem.X)

    with pytest.raises(InvalidRequest, match="two methods are called 'hooks'"):
        jaccheck.verify(["hooks", hooks], **FEW)  # type: ignore[arg-type]
    assert jaccheck.verify(["hooks", "hooks"], seed=1, **FEW).settings.methods == ("hooks",)  # type: ignore[arg-type]


def test_a_method_that_interrupts_passes_no_test() -> None:
    """Neither with `check_method`, nor with `check`, whose report is of nothing then."""

    def interrupting(problem: jaccheck.Problem) -> jaccheck.Jacobians:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        jaccheck.check_method(interrupting, **FEW)  # type: ignore[arg-type]
    method = jaccheck.Method(name="interrupting", family="own", compute=interrupting, summary="")
    assert jaccheck.check(nn.Linear(3, 2), torch.rand(4, 3), methods=[method]).found_something


@pytest.mark.parametrize("returns", ["shares", None, ""])
def test_gradients_are_own_or_shares(returns: str) -> None:
    """What is neither was taken for "own", and every number was off by a factor."""
    model, X, y = nn.Linear(3, 2), torch.rand(4, 3), torch.zeros(4, 2)
    with pytest.raises(InvalidRequest, match="expected 'own' or 'share'"):
        jaccheck.gradients(model, X, y, nn.MSELoss(), returns=returns)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest, match="expected 'own' or 'share'"):
        jaccheck.assert_gradients_right({}, model, X, y, nn.MSELoss(), returns=returns)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest, match="expected 'own' or 'share'"):
        jaccheck.method(family="own", returns=returns)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", REPORTS)
def test_load_reads_what_save_has_written(kind: str, tmp_path: Path) -> None:
    """A report of each kind, without its class being named."""
    report = REPORTS[kind][0]()
    jaccheck.save(report, tmp_path / "folder" / "report.json")
    found = jaccheck.load(str(tmp_path / "folder" / "report.json"))
    assert (type(found), to_json(found)) == (type(report), to_json(report))


def test_load_reads_cases_and_says_what_it_cannot_read(tmp_path: Path) -> None:
    """Cases with their finding; no other file."""
    finding = verify_report().findings[0]
    jaccheck.save(CaseFile(cases=(finding.case,), finding=finding), tmp_path / "cases.json")
    assert isinstance(jaccheck.load(tmp_path / "cases.json"), CaseFile)
    for text in ("{}", "[]", '{"kind": "x", "schema_version": 2}', '{"kind": ["cases"]}', "no"):
        (tmp_path / "other.json").write_text(text)
        with pytest.raises(UnreadableFile):
            jaccheck.load(tmp_path / "other.json")
    with pytest.raises(InvalidRequest, match="no report"):
        jaccheck.save({}, tmp_path / "x.json")  # type: ignore[arg-type]


def test_a_repl_shows_the_table_of_the_command() -> None:
    """Of a check and of a run; short, with time, memory, the worst difference and the call of the best method."""
    torch.manual_seed(0)
    model, X = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)), torch.rand(5, 4)
    report = jaccheck.check(model, X, methods=("hooks", "vmap_vjp"))
    said = repr(report)
    assert len(said) < 1500
    assert "in float32, worst × bound" in said
    assert "× J" in said
    assert said.endswith(f"to call it: {report.call}")
    J = eval(report.call, {"jaccheck": jaccheck, "model": model, "X": X})
    jaccheck.assert_jacobians_right(J, model, X)
    for text in ("memory", "undecided", "worst", report.call.partition("(")[0]):
        assert text in report._repr_html_()
    assert len(repr(verify_report())) < 1500


def test_the_module_has_its_version_and_its_doors() -> None:
    """In a new process, and none of them loads torch."""
    code = (
        "import sys, jaccheck; print(jaccheck.__version__, jaccheck.conformance.conforms.__name__, "
        "jaccheck.errors.JaccheckError.__name__, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [version("jaccheck"), "conforms", "JaccheckError", "False"]


def test_help_names_everything() -> None:
    """Each public name stands in the first screen of `help(jaccheck)`."""
    assert jaccheck.__doc__ is not None
    assert len(jaccheck.__doc__.splitlines()) < 40
    assert [name for name in jaccheck.__all__ if name not in jaccheck.__doc__] == []


def test_arrays_instead_of_tensors_are_told() -> None:
    """By the name of the first, with what makes a tensor of it."""
    model, X = nn.Linear(2, 1), torch.rand(3, 2)
    J = {name: np.asarray(each) for name, each in jaccheck.jacobians(model, X).items()}
    with pytest.raises(AssertionError, match=r"'weight' is a numpy.ndarray \(torch.from_numpy makes one"):
        jaccheck.assert_jacobians_right(J, model, X)  # type: ignore[arg-type]


@pytest.mark.parametrize("order", ["from hypothesis import strategies as st; import jaccheck; jaccheck.Case", ""])
def test_hypothesis_draws_cases_by_their_type(order: str) -> None:
    """`st.from_type(jaccheck.Case)` draws what `cases()` draws, whichever is imported first."""
    first = order or "import jaccheck; jaccheck.Case; from hypothesis import strategies as st"
    code = (
        f"{first}; from hypothesis import find, settings; "
        "print(find(st.from_type(jaccheck.Case), lambda case: True, settings=settings(database=None)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.startswith("Case(layers="), done.stderr


@pytest.mark.slow
def test_a_decorated_function_keeps_its_signature(tmp_path: Path) -> None:
    """For mypy: its own keyword is known, and a wrong one is an error."""
    pytest.importorskip("mypy", reason="mypy comes with the extra `lint`")
    (tmp_path / "mine.py").write_text(
        "import jaccheck\n"
        "@jaccheck.method(family='mine', known=('torch-vmap-prelu',))\n"
        "def mine(problem: jaccheck.Problem, *, chunk: int = 3) -> jaccheck.Jacobians:\n"
        "    return {}\n"
        "def use(problem: jaccheck.Problem) -> None:\n"
        "    reveal_type(mine)\n"
        "    mine(problem, chunk='x')\n"
        "report = jaccheck.check_method(mine)\n"
        "reveal_type(report.findings)\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports", "silent", "mine.py"]
    command += ["--cache-dir", str(tmp_path / "cache")]
    root = Path(jaccheck.__file__).parents[1]
    found = {} if root.name == "site-packages" else {"MYPYPATH": str(root)}  # mypy follows no editable install
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=os.environ | found)
    # Some versions of mypy name the module of a built-in type, others do not.
    assert re.search(r"chunk: (builtins\.)?int =", done.stdout), done.stdout + done.stderr
    assert 'Argument "chunk" to "mine" has incompatible type "str"' in done.stdout
    assert "tuple[jaccheck.reports.verify.Finding" in done.stdout
    assert "Found 1 error" in done.stdout
