"""`jaccheck show` draws models, cases and findings into files and terminals, and refuses the rest in one line."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib
import pytest
from jaccheck_support.testing import Run, finding_on

from jaccheck.case import Case
from jaccheck.cli import cli
from jaccheck.core import extra
from jaccheck.errors import JaccheckError
from jaccheck.reports import CaseFile, finding_path, save

MODEL = """
import torch
from torch import nn

def make():
    return nn.Sequential(nn.Linear(3, 2)), torch.ones(4, 3)
"""


@pytest.fixture
def folder(tmp_path: Path, case: Case) -> Path:
    """A model, two cases and a finding."""
    (tmp_path / "model.py").write_text(MODEL)
    save(CaseFile(cases=(case, case)), tmp_path / "cases.json")
    finding = finding_on(case, id="5d37eeac96", method="mutant:sample_roll")
    file = CaseFile(cases=(case,), finding=finding)
    save(file, finding_path(tmp_path / "jaccheck-findings", finding))
    return tmp_path


def test_a_model_in_the_terminal(jaccheck: Run, folder: Path) -> None:
    """Where there is no terminal to draw in, signs are printed, as into a log; that needs no matplotlib."""
    (folder / "matplotlib.py").write_text("raise ImportError('not here')")
    done = jaccheck("show", "model.py:make")
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1].startswith("torch "), "which versions were drawn"
    assert done.stdout.startswith("Sequential: N = 4, C = 2, float32 on cpu\n")
    assert "\x1b" not in done.stdout
    assert done.stdout.rstrip().endswith("columns: a: 0.weight 2×3, b: 0.bias 2")


def test_a_finding_by_its_id(jaccheck: Run, folder: Path) -> None:
    """Its method beside the closed form, into a file whose ending says what kind."""
    done = jaccheck("show", "5d37eeac96", "--output", "picture.svg")
    assert done.returncode == 0, done.stderr
    assert "finding 5d37eeac96: DISAGREES, agreement" in done.stdout
    assert done.stdout.endswith("written: picture.svg\n")
    assert "<svg" in (folder / "picture.svg").read_text()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "name one thing to draw"),
        (("model.py:make", "--family", "square"), "name one thing to draw"),
        (("model.py:make", "--seed", "1"), "go with --family"),
        (("model.py:make", "--case", "1"), "goes with a file of cases"),
        (("model.py:make", "--model-output", "1"), "output '1': the model returns one tensor"),
        (("model.py:make", "--parameters", "head.*"), "matches none of the model's"),
        pytest.param(
            ("model.py:make", "--", "--width", "3"),
            "got an unexpected keyword argument 'width'",
            marks=pytest.mark.full,
        ),
        pytest.param(("nowhere:make",), "there is no module 'nowhere' here or installed", marks=pytest.mark.full),
        (("cases.json", "--parameters", "head.*"), "go with a model, not with 'cases.json'"),
        (("cases.json", "--case", "2"), "holds 2 cases"),
        (("abc",), "is no file, and no findings"),
        (("*",), "is no file, and no findings"),
        (("**",), "is no file, and no findings"),
        (("--family", "sqare"), "did you mean square"),
        pytest.param(("model.py:make", "--method", "hoks"), "did you mean hooks", marks=pytest.mark.full),
        (("model.py:make", "-o", "picture.gif"), "use .png, .svg or .pdf"),
        (("model.py:make", "-o", "nowhere/picture.png"), "cannot be written"),
        (("model.py:make", "-o", "picture.png", "--window"), "choose one"),
        (("model.py:make", "--window"), "'agg' opens none; use --output"),
    ],
)
def test_misuse(folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], complaint: str) -> None:
    """The error says what to do, and no file is left; that it ends in one line and exit code 2 is test_misuse's."""
    monkeypatch.chdir(folder)
    matplotlib.use("agg")
    with pytest.raises(JaccheckError, match=re.escape(complaint)) as error:
        cli.main(["show", *arguments], standalone_mode=False)
    assert "\n" not in str(error.value)
    assert not list(folder.glob("picture.*"))


def test_without_matplotlib_files_are_refused(jaccheck: Run, folder: Path) -> None:
    """In one line with what to install."""
    (folder / "matplotlib.py").write_text("raise ImportError('not here')")
    done = jaccheck("show", "model.py:make", "-o", "picture.png")
    assert done.returncode == 2
    assert done.stderr == (f"jaccheck: drawing needs matplotlib, which does not import (not here): {extra('plot')}\n")
