"""`jaccheck check FILE.py:FUNCTION`: exit codes, the table, the report, misuse."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from jaccheck_support.testing import Run

from jaccheck.reports import ModelReport, Outcome, load

FILE = """
import torch
from torch import nn

def mlp():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2)), torch.randn(6, 4)

class Sinc(nn.Module):
    def forward(self, X):
        return torch.sinc(X)

def cnn():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), Sinc(), nn.Flatten(), nn.Linear(8, 2)), torch.randn(3, 1, 4, 4)

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


@pytest.mark.fast
def test_a_model_that_all_methods_are_right_on(jaccheck: Run, own: Path) -> None:
    """Exit code 0, a row for each method, one sentence of advice, and a report that says the same."""
    done = jaccheck("check", "own.py:mlp", "--report", "out.json")
    assert done.returncode == 0, done.stderr
    assert "compared with the closed form" in done.stdout
    assert "use " in done.stdout.splitlines()[-2]
    assert done.stdout.splitlines()[-1].startswith("to call it: jaccheck.jacobians(model, X, method=")
    report = load(ModelReport, own.parent / "out.json")
    for answer in report.answers:
        assert answer.method in done.stdout
        assert answer.outcome in (Outcome.AGREES, Outcome.UNSUPPORTED)
    assert report.advice in done.stdout.replace("\n", " ")


def test_chosen_methods_on_a_model_without_bound_rules(jaccheck: Run, own: Path) -> None:
    """Only those; CONSISTENT, and no word of agreement."""
    done = jaccheck("check", "own.py:cnn", "--method", "vmap_vjp", "--method", "batch_grad_loop")
    assert done.returncode == 0, done.stderr
    # For each method in float64 and in its own dtype, and in the sentence that says it is no proof.
    assert done.stdout.count("CONSISTENT") == 5
    assert "AGREES" not in done.stdout
    assert "func_jacrev" not in done.stdout


def test_a_method_that_is_wrong_on_the_model(jaccheck: Run, own: Path) -> None:
    """BackPACK takes every padding for zeros; exit code 1, the place, both numbers, and another method is advised."""
    done = jaccheck("check", "own.py:circular", "--method", "vmap_vjp", "--method", "batch_grad_loop")
    assert done.returncode == 1, done.stderr
    assert "batch_grad_loop: DISAGREES in float64 and in float32: 0.weight[" in done.stdout
    assert "use vmap_vjp" in done.stdout


def test_how_to_see_a_wrong_number_oneself(jaccheck: Run, own: Path) -> None:
    """The command that draws it, and a script that prints it beside a gradient that is computed here, too."""
    done = jaccheck("check", "own.py:circular", "--method", "batch_grad_loop", "--script", "see.py")
    assert "see it: jaccheck show own.py:circular --method batch_grad_loop" in done.stdout
    assert jaccheck("show", "own.py:circular", "--method", "batch_grad_loop").returncode == 0
    ran = subprocess.run([sys.executable, "see.py"], cwd=own.parent, capture_output=True, text=True, check=True)
    assert ran.stderr == ""
    actual, expected = (float(line.split()[1]) for line in ran.stdout.splitlines())
    (index,) = re.findall(r"batch_grad_loop: DISAGREES[^:]*: 0\.weight\[([\d, ]+)\]", done.stdout)
    n, c, *inside = map(int, index.split(", "))
    model, X = runpy.run_path(str(own))["circular"]()
    f = model.double()(X[n : n + 1].double()).flatten()[c]
    (gradient,) = torch.autograd.grad(f, model[0].weight)
    assert abs(expected - gradient[tuple(inside)].item()) <= 1e-12
    assert abs(actual - expected) > 1e-3


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
        (("own.py:mlp", "--report", "out.yaml"), "use .html, .json or .md"),
        (("own.py:mlp", "--time", "0"), "'--time'"),
    ],
)
def test_misuse(jaccheck: Run, own: Path, arguments: tuple[str, ...], complaint: str) -> None:
    """One line after those of progress, exit code 2."""
    done = jaccheck("check", *arguments)
    assert done.returncode == 2, done.stderr
    *progress, line = done.stderr.splitlines()
    assert all(" s: " in each for each in progress), progress
    assert line.startswith("jaccheck: ")
    assert complaint in line


FORMS = """
import torch
from torch import nn

class Two(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.a, self.b, self.head = nn.Linear(3, width), nn.Linear(2, width), nn.Linear(width, 2)
    def forward(self, x, t):
        hidden = torch.tanh(self.a(x) + self.b(t))
        return {"logits": self.head(hidden), "hidden": hidden, "best": hidden.argmax(1)}

def two(width=4, *, form="tuple"):
    torch.manual_seed(0)
    x, t = torch.randn(5, 3), torch.randn(5, 2)
    return Two(width), ({"t": t, "x": x} if form == "dict" else (x, t))

def steps():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 2), nn.Tanh()), torch.randn(4, 5, 3)
"""


@pytest.mark.parametrize(
    ("arguments", "said", "C", "parameters"),
    [
        (("forms.py:two", "--", "--form", "dict"), "joined, in this order: logits (2), hidden (4)", 6, 38),
        (("forms:two", "--output", "0", "--parameters", "head.*", "--", "6"), "14 numbers in parameters", 2, 14),
        (("forms.py:steps", "--batch-axis", "1"), "Sequential: 5 samples (N), 8 outputs (C)", 8, 8),
    ],
)
def test_models_of_every_form(
    jaccheck: Run, tmp_path: Path, arguments: tuple[str, ...], said: str, C: int, parameters: int
) -> None:
    """By options before `--`, with what the function takes behind it."""
    (tmp_path / "forms.py").write_text(FORMS)
    own = arguments.index("--") if "--" in arguments else len(arguments)
    options = ("--method", "vmap_vjp", "--time", "10", "--report", "out.json")
    done = jaccheck("check", *arguments[:own], *options, *arguments[own:])
    assert done.returncode == 0, done.stderr
    assert said in done.stdout
    report = load(ModelReport, tmp_path / "out.json")
    assert (report.N, report.C, report.parameters) == (5, C, parameters)
    assert report.answers[0].outcome.is_usable


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("forms.py:two", "--output", "logit"), "output 'logit' is none of the model's; did you mean logits?"),
        (("forms.py:two", "--batch-axis", "x"), "--batch-axis 'x': expected the number of an axis, or INPUT=AXIS"),
        (("forms.py:two", "--", "--widht", "3"), "got an unexpected keyword argument 'widht'"),
        (("broken.py:make",), "raised SyntaxError: invalid syntax (broken.py, line 1: x = = 1)"),
    ],
)
def test_misuse_of_forms(jaccheck: Run, tmp_path: Path, arguments: tuple[str, ...], complaint: str) -> None:
    """One line, exit code 2."""
    (tmp_path / "forms.py").write_text(FORMS)
    (tmp_path / "broken.py").write_text("x = = 1")
    done = jaccheck("check", *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert complaint in done.stderr.splitlines()[-1]
