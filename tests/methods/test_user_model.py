"""A user's own model becomes a problem, or one clear line says why not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from jaccheck.errors import InvalidModel
from jaccheck.methods import copy_of, load_problem, problem_of


def test_outputs_are_counted_flattened() -> None:
    """An output [N, A, D] counts as C = A·D."""
    problem = problem_of(nn.Sequential(nn.Linear(3, 4), nn.Unflatten(1, (2, 2))), torch.ones(5, 3))
    assert (problem.N, problem.C, problem.dtype, problem.device) == (5, 4, "float32", "cpu")


def test_a_copy_shares_nothing() -> None:
    """What a method does to a copy is not seen by the user."""
    problem = problem_of(nn.Linear(3, 4), torch.ones(5, 3, requires_grad=True))
    copied = copy_of(problem)
    with torch.no_grad():
        copied.X.zero_()
        copied.model.weight.zero_()
    assert problem.X.all()
    assert problem.model.weight.any()
    assert copied.X.requires_grad


class Pair(nn.Linear):
    def forward(self, X: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        return super().forward(X), X


class Named(nn.Linear):
    def forward(self, X: Tensor) -> dict[str, Tensor]:  # type: ignore[override]
        return {"logits": super().forward(X)}


class Joined(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, X: Tensor) -> Tensor:
        return torch.cat([head.flatten(1) for head in self.model(X)], dim=1)


def test_heads_that_are_joined_as_advised_are_a_problem() -> None:
    """What the message about several heads says to do gives one output for each number of each head."""
    assert problem_of(Joined(Pair(3, 4)), torch.randn(5, 3)).C == 7


@pytest.mark.parametrize(
    ("model", "X", "message"),
    [
        (3, torch.ones(5, 3), "model is int"),
        (nn.Linear(3, 4), [1.0], "X is list"),
        (nn.Linear(3, 4), torch.tensor(1.0), r"X is a tensor of shape \(\)"),
        (nn.Linear(3, 4), torch.ones(5, 2), r"does not run on X of shape \(5, 2\)"),
        (nn.ReLU(), torch.ones(5, 2), "no trainable parameter"),
        (nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2).double()), torch.ones(5, 3), "dtypes float32, float64"),
        (Pair(3, 4), torch.ones(5, 3), r"returns 2 heads, of shapes \(5, 4\) and \(5, 3\), .*torch\.cat"),
        (Named(3, 4), torch.ones(5, 3), "returns dict"),
        (nn.Sequential(nn.Linear(3, 4), nn.Flatten(0)), torch.ones(5, 3), r"returns shape \(20,\)"),
    ],
)
def test_what_has_no_jacobian_is_refused(model: nn.Module, X: Tensor, message: str) -> None:
    """The message names what was found and what was expected."""
    with pytest.raises(InvalidModel, match=message):
        problem_of(model, X)


FILE = """
import torch
def make():
    return torch.nn.Linear(3, 4), torch.ones(5, 3)
def wrong():
    return torch.nn.Linear(3, 4)
def failing():
    raise KeyError("no such data set")
def careless():
    return torch.nn.Linaer(3, 4)
"""


def test_a_function_in_a_file(tmp_path: Path) -> None:
    """FILE.py:FUNCTION is imported and called."""
    path = tmp_path / "own.py"
    path.write_text(FILE)
    assert load_problem(f"{path}:make").C == 4


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("own.py", "expected FILE.py:FUNCTION"),
        ("own.txt:make", "expected FILE.py:FUNCTION"),
        ("absent.py:make", "no such file"),
        ("own.py:other", "no function 'other'"),
        ("own.py:wrong", r"returned Linear, expected the pair \(model, X\)"),
        ("own.py:failing", "raised KeyError: 'no such data set'"),
        ("own.py:careless", "raised AttributeError"),
    ],
)
def test_a_place_that_gives_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, message: str) -> None:
    """One clear line."""
    monkeypatch.chdir(tmp_path)
    Path("own.py").write_text(FILE)
    with pytest.raises(InvalidModel, match=message):
        load_problem(place)
