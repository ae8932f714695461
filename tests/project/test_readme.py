"""What the README says holds: its commands are those that CI runs, its options exist, its example works."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from jaccheck_support.testing import Run

from jaccheck.case import FAMILIES
from jaccheck.cli import cli
from jaccheck.cli.options import FAMILY_NAMES
from jaccheck.judging import LAYER_ISSUES, OPERATION_ISSUES, PROCESS_ISSUES, SEQUENCE_ISSUES

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"```sh\n(.*?)\n```", README, re.DOTALL)


def test_ci_runs_the_two_commands() -> None:
    """The first is a user's, the last a developer's; `.ci/run` calls both, and the next tier of tests with the fast."""
    user, _, developer = COMMANDS
    script = (ROOT / ".ci" / "run").read_text()
    install = "pip install '.[backpack]' && "
    assert user.startswith(install)
    assert f"\n.venv/bin/{user.removeprefix(install)}" in script
    *installing, tests = developer.split(" && ")
    for part in (*installing, tests.replace("-m fast", '-m "fast or full"')):
        assert f"\n{part}" in script
    contributing = (ROOT / "CONTRIBUTING.md").read_text()
    for tier in ("fast", '"fast or full"', "slow"):
        assert f"`pytest -n 2 -m {tier}`" in contributing
    assert "python -m pytest -n 2 -m slow" in (ROOT / "tox.ini").read_text()


def test_it_is_short() -> None:
    """Everything else has a page in docs/."""
    assert len(README.splitlines()) <= 150


def test_the_first_example_says_what_it_prints() -> None:
    """The right result passes, the changed entry is named."""
    start = README[README.index("## Start") :]
    example, printed, workflow = re.findall(r"```(?:python)?\n(.*?)```", start[start.index("```python") :], re.DOTALL)[
        :3
    ]
    right, wrong = example.split("\n\nJ[", 1)
    names: dict[str, object] = {}
    exec(right, names)
    with pytest.raises(AssertionError) as error:
        exec(f"J[{wrong}", names)
    assert f"AssertionError: {error.value}" == printed.strip()
    exec(workflow, names)
    kernel, N, C = names["kernel"], 15, 5
    assert kernel.shape == (N, N, C, C)  # type: ignore[attr-defined]
    assert kernel.isfinite().all()  # type: ignore[attr-defined]


def test_it_leads_with_a_known_issue_that_is_still_there() -> None:
    """The first block is the script of one, and the number of issues is no more than there are."""
    first = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[0]
    issues = (*LAYER_ISSUES, *OPERATION_ISSUES, *SEQUENCE_ISSUES, *PROCESS_ISSUES)
    assert first in {issue.script for issue in issues}
    assert len(issues) > 70


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
def test_every_command_has_help(jaccheck_here: Run, command: str) -> None:
    """And is told in the README."""
    assert f"`jaccheck {command}" in README
    done = jaccheck_here(command, "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout


def test_methods_lists_every_method(jaccheck_here: Run) -> None:
    """With its summary."""
    done = jaccheck_here("methods", "--json")
    assert done.returncode == 0
    assert '"batch_grad_loop"' in done.stdout


def test_the_help_names_every_family() -> None:
    """In the order of a run."""
    assert tuple(FAMILY_NAMES.split(", ")) == FAMILIES


def test_no_command_shows_the_help(jaccheck_here: Run) -> None:
    """As misuse, on standard error."""
    done = jaccheck_here()
    assert done.returncode == 2
    assert "Commands:\n" in done.stderr
