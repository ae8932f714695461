"""What the README says holds: its commands are those that CI runs, its options exist, its example works."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click
import pytest
from jaccheck_support.testing import Run

from jaccheck.case import FAMILIES
from jaccheck.cli import cli
from jaccheck.cli.options import FAMILY_NAMES

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"```sh\n(.*?)\n```", README, re.DOTALL)


def test_ci_runs_the_two_commands() -> None:
    """The first is a user's, the last a developer's; `.ci/run` calls both."""
    user, _, developer = COMMANDS
    script = (ROOT / ".ci" / "run").read_text()
    assert user.startswith("pip install . && ")
    assert f"\n.venv/bin/{user.removeprefix('pip install . && ')}" in script
    for part in developer.split(" && "):
        assert f"\n{part}" in script


def test_it_is_short() -> None:
    """Everything else has a page in docs/."""
    assert len(README.splitlines()) <= 150


def test_the_first_example_says_what_it_prints() -> None:
    """The right result passes, the changed entry is named."""
    example, printed = re.findall(r"```(?:python)?\n(.*?)```", README[README.index("```python") :], re.DOTALL)[:2]
    right, wrong = example.split("\n\nJ[", 1)
    names: dict[str, object] = {}
    exec(right, names)
    with pytest.raises(AssertionError) as error:
        exec(f"J[{wrong}", names)
    assert f"AssertionError: {error.value}" == printed.strip()


def test_a_failure_can_be_seen(jaccheck: Run, tmp_path: Path) -> None:
    """The second block's commands: a mutant as text, as a page and as a picture."""
    verify, show = (line.split()[1:] for line in COMMANDS[1].splitlines())
    done = jaccheck(*verify)
    assert done.returncode == 1, done.stderr
    assert "mutant:sample_roll on cpu: agreement" in done.stdout
    assert "<svg" in (tmp_path / "report.html").read_text()
    assert jaccheck(*show).returncode == 0
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("option", sorted(set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README))))
def test_every_option_exists(option: str) -> None:
    """An option that the README names belongs to some command."""
    known = {
        opt
        for command in cli.commands.values()
        for p in command.params
        if isinstance(p, click.Option)
        for opt in p.opts
    }
    assert option in known | {"--pyargs"}  # pytest's


@pytest.mark.parametrize("command", sorted(cli.commands))
def test_every_command_has_help(jaccheck: Run, command: str) -> None:
    """And is told in the README."""
    assert f"`jaccheck {command}" in README
    done = jaccheck(command, "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout


def test_the_example_is_a_method(jaccheck: Run, tmp_path: Path) -> None:
    """The README's method, with a body, is found by its dotted name and verified."""
    _, example = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    body = "    from jaccheck.methods.autograd import autograd_loop\n    return autograd_loop(problem)\n"
    (tmp_path / "my_module.py").write_text(re.sub(r"    \.\.\..*\n", body, example))
    # Named, since the folder of a run is on no path where PYTHONSAFEPATH is set, as tox does.
    here = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = jaccheck("verify", "--method", "my_module:my_method", "--family", "generic", "--quiet", env=here)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("no finding")


def test_methods_lists_every_method(jaccheck: Run) -> None:
    """With its summary."""
    done = jaccheck("methods", "--json")
    assert done.returncode == 0
    assert '"batch_grad_loop"' in done.stdout


def test_the_help_names_every_family() -> None:
    """In the order of a run."""
    assert tuple(FAMILY_NAMES.split(", ")) == FAMILIES


def test_no_command_shows_the_help(jaccheck: Run) -> None:
    """As misuse, on standard error."""
    done = jaccheck()
    assert done.returncode == 2
    assert "Commands:\n" in done.stderr
