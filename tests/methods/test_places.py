"""`package.module:function`: the function that stands there is judged, decorated or not, and no other of its name."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from jaccheck_support.testing import Run
from torch import nn

import jaccheck
from jaccheck.errors import InvalidRequest, UnknownName
from jaccheck.methods import Method, find_method, registered
from jaccheck.methods.registry import forget

MODULE = """
import jaccheck
from jaccheck.methods.autograd import autograd_loop as right

def doubled(problem):
    \"\"\"Twice what it should be.\"\"\"
    return {name: 2 * each for name, each in right(problem).items()}

def hooks(problem):
    return doubled(problem)

number = 3
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module of the user's, in the working directory."""
    name = "of_the_user"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    before = set(registered())
    yield name
    sys.modules.pop(name, None)
    for each in set(registered()) - before:
        forget(each)


def test_an_undecorated_function_is_a_method(module: str) -> None:
    """Under its own name, and the same each time."""
    found = find_method(f"{module}:doubled")
    assert isinstance(found, Method)
    assert (found.name, found.summary) == ("doubled", "Twice what it should be.")
    assert find_method(f"{module}:doubled") is found
    assert find_method("doubled") is found
    model, X = nn.Linear(2, 1), torch.rand(3, 2)
    report = jaccheck.check(model, X, methods=[f"{module}:doubled"])
    assert report.answers[0].is_wrong


def test_one_of_the_name_of_a_built_in_is_not_the_built_in(module: str) -> None:
    """Nobody is told that the user's is right because jaccheck's is."""
    with pytest.raises(InvalidRequest, match=rf"method 'hooks' is in jaccheck\.methods\.hooks and {module}: give one"):
        find_method(f"{module}:hooks")
    assert find_method("hooks").compute.__module__ == "jaccheck.methods.hooks"


@pytest.mark.parametrize(
    ("name", "why"),
    [("nowhere", "it has none of that name"), ("number", "there it is of type int")],
)
def test_what_is_no_function_is_told(module: str, name: str, why: str) -> None:
    """By the module's name, and without a list of all that jaccheck has."""
    expected = f"method '{module}:{name}': expected a function of a Problem in module '{module}'; {why}"
    with pytest.raises(UnknownName, match=f"^{expected}$"):
        find_method(f"{module}:{name}")


REPLACED = {
    "held": "sys.modules[__name__] = types.SimpleNamespace(doubled=doubled)",
    "none": "sys.modules[__name__] = None",
    "raising": "def __getattr__(name): raise KeyError(name)\ndel doubled",
    "exiting": "class M(types.ModuleType): doubled = property(lambda self: sys.exit(0))\n"
    "sys.modules[__name__].__class__ = M\ndel doubled",
}
"""What a module may make of itself; the first holds the method all the same."""


@pytest.mark.parametrize("how", REPLACED)
def test_what_stands_in_the_place_of_a_module_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, how: str
) -> None:
    """By the name that the user gave; it need be no module at all, and may raise whatever it is asked for."""
    text = f"import sys, types\n{MODULE}\n{REPLACED[how]}\n".replace(
        "def doubled", "@jaccheck.method(family='own')\ndef doubled"
    )
    (tmp_path / f"{module}.py").write_text(text)
    if how == "held":
        assert find_method(f"{module}:doubled").name == "doubled"
        return
    why = {"none": "it has none of that name", "raising": "KeyError: 'doubled'", "exiting": "SystemExit: 0"}[how]
    with pytest.raises(
        UnknownName, match=f"^method '{module}:doubled': .*{module if how == 'none' else 'its module raised'}.*{why}"
    ):
        find_method(f"{module}:doubled")


def test_a_command_judges_it(jaccheck: Run, tmp_path: Path, module: str) -> None:
    """In its workers, too, and the finding can be replayed."""
    done = jaccheck(
        "verify", "--family", "generic", "--max-examples", "2", "--no-store", "--method", f"{module}:doubled"
    )
    assert done.returncode == 1, done.stderr
    assert "doubled on cpu: agreement" in done.stdout
    again = next(line for line in done.stdout.splitlines() if line.startswith("To see it again: jaccheck "))
    assert again.endswith(f" --method {module}:doubled")
    done = jaccheck(*again.split()[5:])
    assert (done.returncode, done.stdout.split(":")[0]) == (1, "DISAGREES"), done.stderr
    done = jaccheck("replay", "jaccheck-findings")
    assert done.returncode == 2
    assert "one of your own is named again: --method package.module:doubled" in done.stdout
