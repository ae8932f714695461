"""`jaccheck check FILE.py:FUNCTION`: exit codes, the table, the report, misuse."""

from __future__ import annotations

from pathlib import Path

import pytest
from jaccheck_support.testing import Run

from jaccheck.reports import ModelReport, Outcome, load

FILE = """
import torch
from torch import nn

def mlp():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2)), torch.randn(6, 4)

def cnn():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.CELU(), nn.Flatten(), nn.Linear(8, 2)), torch.randn(3, 1, 4, 4)

def circular():
    model, X = cnn()
    model[0] = nn.Conv2d(1, 2, 3, padding=1, padding_mode="circular")
    model[3] = nn.Linear(32, 2)
    return model, X

def training():
    return nn.Sequential(nn.Linear(4, 5), nn.Dropout()), torch.randn(6, 4)
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The file, where the command runs."""
    path = tmp_path / "own.py"
    path.write_text(FILE)
    return path


def test_a_model_that_all_methods_are_right_on(jaccheck: Run, own: Path) -> None:
    """Exit code 0, a row for each method, one sentence of advice, and a report that says the same."""
    done = jaccheck("check", "own.py:mlp", "--time", "1", "--report", "out.json")
    assert done.returncode == 0, done.stderr
    assert "compared with the closed form" in done.stdout
    assert "use " in done.stdout.splitlines()[-1]
    report = load(ModelReport, own.parent / "out.json")
    for answer in report.answers:
        assert answer.method in done.stdout
        assert answer.outcome in (Outcome.AGREES, Outcome.UNSUPPORTED)
    assert report.advice in done.stdout.replace("\n", " ")


def test_chosen_methods_on_a_model_without_bound_rules(jaccheck: Run, own: Path) -> None:
    """Only those; CONSISTENT, and no word of agreement."""
    done = jaccheck("check", "own.py:cnn", "--time", "1", "--method", "vmap_vjp", "--method", "batch_grad_loop")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("CONSISTENT") == 3  # twice in the table, once in the sentence that says it is no proof
    assert "AGREES" not in done.stdout
    assert "func_jacrev" not in done.stdout


def test_a_method_that_is_wrong_on_the_model(jaccheck: Run, own: Path) -> None:
    """BackPACK takes every padding for zeros; exit code 1, the place, both numbers, and another method is advised."""
    done = jaccheck("check", "own.py:circular", "--time", "1", "--method", "vmap_vjp", "--method", "batch_grad_loop")
    assert done.returncode == 1, done.stderr
    assert "batch_grad_loop: DISAGREES: in float64, 0.weight[" in done.stdout
    assert "use vmap_vjp" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("nowhere.py:mlp",), "nowhere.py: there is no such file"),
        (("own.py",), "expected FILE.py:FUNCTION"),
        (("own.py:none",), "has no function 'none'"),
        (("own.py:training",), "1 (Dropout) is in training mode and random; call model.eval() first"),
        (("own.py:mlp", "--method", "vmap_vjb"), "did you mean vmap_vjp"),
        (("own.py:mlp", "--memory", "some"), "is no size; expected a number with KiB"),
        (("own.py:mlp", "--memory", "1MiB"), "memory of 0.0 GiB is less than the"),
        (("own.py:mlp", "--report", "out.yaml"), "use .html or .json"),
        (("own.py:mlp", "--time", "0"), "'--time'"),
    ],
)
def test_misuse(jaccheck: Run, own: Path, arguments: tuple[str, ...], complaint: str) -> None:
    """One line, exit code 2."""
    done = jaccheck("check", *arguments)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("jaccheck: ")
    assert done.stderr.count("\n") == 1
    assert complaint in done.stderr
