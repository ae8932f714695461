"""`jaccheck check --loss`: per-sample gradients of a loss from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from jaccheck_support.testing import Run

FILE = """\
import torch

def pair():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 3)).eval(), torch.randn(6, 4)

def triple():
    return (*pair(), torch.tensor([0, 1, 2, 2, 1, 0]))

def with_loss():
    return (*triple(), torch.nn.CrossEntropyLoss(weight=torch.tensor([0.5, 2.0, 1.25])))
"""


@pytest.fixture
def place(tmp_path: Path) -> str:
    """A file with a model, with targets and with a loss."""
    path = tmp_path / "lossy.py"
    path.write_text(FILE)
    return str(path)


@pytest.mark.parametrize(
    ("function", "options", "told"),
    [
        ("triple", ("--loss", "cross_entropy"), "CrossEntropyLoss, mean, which divides by 6"),
        ("triple", ("--loss", "nll", "--reduction", "sum"), "NLLLoss, sum"),
        ("with_loss", (), "CrossEntropyLoss, class weights, mean, which divides by 7.5"),
    ],
)
def test_the_loss_is_named_and_methods_agree(
    jaccheck: Run, place: str, function: str, options: tuple[str, ...], told: str
) -> None:
    """By its name on the command line, or as the function returns it."""
    done = jaccheck("check", f"{place}:{function}", *options, "--method", "loss_batch_grad", "--method", "vmap_vjp")
    assert done.returncode == 0, done.stdout + done.stderr
    assert told in done.stdout
    assert done.stdout.count("AGREES") >= 2


@pytest.mark.parametrize(
    ("function", "options", "told"),
    [
        ("pair", ("--loss", "mse"), "returns no targets, expected (model, X, y)"),
        ("with_loss", ("--loss", "mse"), "returns a loss, CrossEntropyLoss, and another one is asked for"),
        ("triple", ("--loss", "mse"), "MSELoss would broadcast them, expected the same shape"),
        ("triple", ("--loss", "hinge"), "'hinge' is not one of"),
    ],
)
def test_what_does_not_fit_is_one_line(
    jaccheck: Run, place: str, function: str, options: tuple[str, ...], told: str
) -> None:
    """Exit code 2, and no traceback."""
    done = jaccheck("check", f"{place}:{function}", *options)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
