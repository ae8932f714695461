"""`package.module:function`: the function that stands there is judged, decorated or not, and no other of its name."""

from __future__ import annotations

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
    monkeypatch.delitem(__import__("sys").modules, name, raising=False)
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
