"""From a place to a model: files, packages, functions with arguments, tuples; and one line where there is none."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from jaccheck.errors import InvalidModel
from jaccheck.methods import Choice, load_problem
from jaccheck.methods.loading import call_arguments

FILE = """
import torch
from torch import nn

def make(width=3, *, outputs=4, bias=True, name="plain"):
    model = nn.Linear(width, outputs, bias=bias)
    model.name = name
    return model, torch.ones(5, width)

def needs(width):
    return make(width)

def with_targets():
    return (*make(), torch.zeros(5))

def wrong():
    return nn.Linear(3, 4)

def alone():
    return (nn.Linear(3, 4),)

def failing():
    raise KeyError("no such data set")

def careless():
    return nn.Linaer(3, 4)

def leaving():
    raise SystemExit(1)

class Made:
    @staticmethod
    def make():
        return make(7)

pair = make(2)
net = nn.Linear(3, 4)
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working directory, with `own.py` in it; the path and the modules are as before in the end."""
    (tmp_path / "own.py").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    known = {*sys.modules}
    yield tmp_path
    for name in {*sys.modules} - known:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.mark.parametrize(
    ("place", "width"),
    [("own.py:make", 3), ("own.py:pair", 2), ("own.py:Made.make", 7), ("own:make", 3), ("own:pair", 2)],
)
def test_a_place_in_a_file_or_module(here: Path, place: str, width: int) -> None:
    """A function, a tuple, or an attribute of something there."""
    assert load_problem(place).X.shape == (5, width)


@pytest.mark.parametrize(
    ("words", "positional", "keywords"),
    [
        ("", (), {}),
        ("3 hello -2.5", (3, "hello", -2.5), {}),
        ("--width 64 --bias=false --deep", (), {"width": 64, "bias": False, "deep": True}),
        ("--a-b (1,2) --c -3 --d --e x", (), {"a_b": (1, 2), "c": -3, "d": True, "e": "x"}),
        ("--name=a=b", (), {"name": "a=b"}),
        ("--none None --text none", (), {"none": None, "text": "none"}),
    ],
)
def test_arguments_are_read_as_typed(words: str, positional: tuple[object, ...], keywords: dict[str, object]) -> None:
    """Literals of Python, true and false, else strings."""
    assert call_arguments(words.split()) == (positional, keywords)


def test_arguments_reach_the_function(here: Path) -> None:
    """By position and by keyword; and `sys.argv` while the file runs."""
    problem = load_problem("own.py:make", ["6", "--outputs", "2", "--bias=false", "--name", "my net"])
    assert (problem.X.shape[1], problem.C, problem.own.name) == (6, 2, "my net")
    assert list(problem.parameters) == ["weight"]
    Path("script.py").write_text("import sys\nfrom own import make\ndef other(*words): return make(int(sys.argv[1]))")
    known = [*sys.argv]
    assert load_problem("script.py:other", ["4"]).X.shape == (5, 4)
    assert sys.argv == known


def test_relative_imports_in_a_package(here: Path) -> None:
    """Of a file's own package, whose `__init__` runs when it is needed, and of the one around it."""
    inner = here / "outer" / "inner"
    inner.mkdir(parents=True)
    (here / "outer" / "__init__.py").write_text("")
    (here / "outer" / "sizes.py").write_text("WIDTH = 6")
    (inner / "__init__.py").write_text("")
    (inner / "near.py").write_text("OUTPUTS = 2")
    (inner / "beside.py").write_text("ROWS = 3")
    code = "import torch\nfrom ..sizes import WIDTH\nfrom .near import OUTPUTS\nfrom beside import ROWS\n"
    (inner / "model.py").write_text(
        f"{code}def make(): return torch.nn.Linear(WIDTH, OUTPUTS), torch.ones(ROWS, WIDTH)"
    )
    for place in ("outer/inner/model.py:make", "outer.inner.model:make"):
        problem = load_problem(place)
        assert (problem.N, problem.X.shape[1], problem.C) == (3, 6, 2)


def test_a_file_that_is_called_as_a_module_of_python(here: Path) -> None:
    """It takes nothing's place."""
    import random

    (here / "random.py").write_text(FILE)
    assert load_problem("random.py:make").C == 4
    assert sys.modules["random"] is random


def test_imports_while_the_model_runs(here: Path) -> None:
    """The file's folder stays on the path: a forward may import what lies beside it."""
    (here / "late.py").write_text("def twice(x): return 2 * x")
    (here / "lazy.py").write_text(
        "import torch\nclass Net(torch.nn.Linear):\n"
        "    def forward(self, x):\n        from late import twice\n        return twice(super().forward(x))\n"
        "def make(): return Net(3, 2), torch.ones(4, 3)"
    )
    assert load_problem("lazy.py:make").C == 2


@pytest.mark.parametrize(
    "switch", ["torch.set_grad_enabled(False)", "torch.autograd.grad_mode.inference_mode(True).__enter__()"]
)
def test_gradients_that_a_file_switches_off(here: Path, switch: str) -> None:
    """They are on again, and tensors made meanwhile are copied."""
    (here / "off.py").write_text(
        f"import torch\n{switch}\n"
        "net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh())\n"
        "pair = net, torch.ones(4, 3)\n"
    )
    try:
        problem = load_problem("off.py:pair")
        assert torch.is_grad_enabled()
        assert not any(p.is_inference() for p in problem.parameters.values())
        f = problem.model(problem.X)
        assert f.requires_grad
    finally:
        torch._C._InferenceMode(False)


def test_targets_are_told_of(here: Path) -> None:
    """What is not used is said."""
    problem = load_problem("own.py:with_targets", (), Choice(parameters="weight"))
    assert "own.py:with_targets returns targets: they are not used" in problem.notes[0]
    assert list(problem.parameters) == ["weight"]


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("own.py", "expected FILE.py:FUNCTION or package.module:function"),
        ("own.txt:make", "expected FILE.py:FUNCTION"),
        (":make", "':make' does not name a function; expected"),
        ("..own:make", "'..own:make' does not name a function; expected"),
        ("own.py:", "'own.py:' does not name a function; expected"),
        ("own.py:make()", "does not name a function; expected"),
        ("absent.py:make", "absent.py: there is no such file"),
        ("absent.module:make", "there is no module 'absent' here or installed"),
        ("own.py:other", "own.py has no function 'other'"),
        ("own.py:mak", "own.py has no function 'mak'; did you mean make?"),
        ("own.py:wrong", r"returned Linear, expected the pair \(model, X\), or \(model, X, y\)"),
        ("own.py:alone", r"returned a tuple of 1, expected the pair \(model, X\)"),
        ("own.py:net", r"own.py:net is Linear, expected a function, or the pair \(model, X\)"),
        ("own.py:failing", r"raised KeyError: 'no such data set' \(own.py, line 23: raise KeyError\("),
        ("own.py:careless", r"raised AttributeError: .*Linaer.* \(own.py, line 26: return nn.Linaer\(3, 4\)\)"),
        ("own.py:leaving", r"raised SystemExit: 1 \(own.py, line 29: raise SystemExit\(1\)\)"),
        ("own.py:needs", r"own.py:needs\(width\): missing a required argument: 'width'; give arguments as in jaccheck"),
        ("broken.py:make", r"raised SyntaxError: .* \(broken.py, line 2: x = = 3\)"),
        (
            "raising.py:make",
            r"raised ModuleNotFoundError: No module named 'nothing' \(raising.py, line 1: import nothing",
        ),
        ("raising:make", r"raised ModuleNotFoundError: .* \(raising.py, line 1: import nothing"),
        ("leaving.py:make", r"raised SystemExit: 3 \(leaving.py, line 2: sys.exit\(3\)\)"),
        ("lying.py:make", r"lying.py:make raised KeyError: 'make' \(lying.py, line 1: def __getattr__"),
        ("halting:make", r"halting has no function 'make'"),
        ("gone.py:make", r"gone.py:make raised ValueError: gone \(gone.py, line 3: raise ValueError\('gone'\)\)"),
        ("unsigned.py:make", "unsigned.py:make returned NoneType, expected the pair"),
    ],
)
def test_a_place_that_gives_no_model(here: Path, place: str, message: str) -> None:
    """One clear line, with the user's own line of code where it failed."""
    (here / "broken.py").write_text("import torch\nx = = 3\n")
    (here / "raising.py").write_text("import nothing\n")
    (here / "leaving.py").write_text("import sys\nsys.exit(3)\n")
    (here / "halting.py").write_text("import sys\nsys.modules[__name__] = None\n")
    (here / "lying.py").write_text("def __getattr__(name): raise KeyError(name)\n")
    (here / "gone.py").write_text("import sys\nsys.modules.pop(__name__)\nraise ValueError('gone')\n")
    (here / "unsigned.py").write_text("def make(): pass\nmake.__signature__ = 7\n")
    with pytest.raises(InvalidModel, match=message) as error:
        load_problem(place)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("3 4 5", "too many positional arguments"),
        ("--widht 3", "got an unexpected keyword argument 'widht'"),
        ("-w 3", "argument '-w': expected a value, --name value or --name=value"),
        ("--a.b 3", "argument '--a.b': expected a value"),
    ],
)
def test_arguments_that_the_function_does_not_take(here: Path, words: str, message: str) -> None:
    """One line that names them."""
    with pytest.raises(InvalidModel, match=message):
        load_problem("own.py:make", words.split())
    with pytest.raises(InvalidModel, match=r"own\.py:pair is a tuple, so 3 is given to nothing"):
        load_problem("own.py:pair", ["3"])
