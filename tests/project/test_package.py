"""What comes with the package beside its code: metadata, the citation file, completion in the shell."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
import setuptools_scm
import yaml

from jaccheck.case import DTYPES
from jaccheck.cli import cli
from jaccheck.cli.options import DTYPE_NAMES

AUTHOR = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
ROOT = Path(__file__).parents[2]
FALLBACK = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools_scm"]["fallback_version"]
COMMAND = Path(sys.executable).with_name("jaccheck")


def completed(line: str) -> list[str]:
    """What bash would offer at the end of the line."""
    words = line.split(" ")
    done = subprocess.run(
        [COMMAND],
        env={
            **os.environ,
            "_JACCHECK_COMPLETE": "bash_complete",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return [offer.partition(",")[2] for offer in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("line", "offers"),
    [
        ("jaccheck ver", ["verify"]),
        ("jaccheck verify --max", ["--max-examples"]),
        ("jaccheck verify --family transposed", ["transposed_convolution"]),
        ("jaccheck show --dtype b", ["bfloat16"]),
    ],
)
def test_the_shell_completes(line: str, offers: list[str]) -> None:
    """Commands, options and the names that are known without loading torch."""
    assert completed(line) == offers


def test_the_script_for_the_shell_is_for_this_command() -> None:
    """As documented: `_JACCHECK_COMPLETE=bash_source jaccheck`."""
    done = subprocess.run(
        [COMMAND], env={**os.environ, "_JACCHECK_COMPLETE": "bash_source"}, capture_output=True, text=True, check=True
    )
    assert "complete -o nosort -F _jaccheck_completion jaccheck" in done.stdout


def test_the_version_is_that_of_the_last_tag() -> None:
    """No file has another one: the command, the citation file and the changelog do not."""
    newest = re.search(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert newest is not None
    assert newest[1] in ("Unreleased", FALLBACK.removesuffix(".dev0"))
    assert "version" not in yaml.safe_load((ROOT / "CITATION.cff").read_text())


def test_a_version_is_known_without_git(tmp_path: Path) -> None:
    """Of an archive without history it is the one that is to come; of a clone without tags, one of development."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    found = [setuptools_scm.get_version(root=str(tmp_path), fallback_version=FALLBACK)]
    for command in (("init", "-q"), ("add", "."), (*AUTHOR, "commit", "-q", "-m", "one")):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    found.append(setuptools_scm.get_version(root=str(tmp_path), fallback_version=FALLBACK))
    assert found[0] == FALLBACK
    assert ".dev1+g" in found[1]


def test_the_citation_can_be_read() -> None:
    """With what the format asks for, and whom jaccheck owes its subject to."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["license"] == importlib.metadata.metadata("jaccheck")["License-Expression"]
    assert [author["family-names"] for author in citation["references"][0]["authors"]] == [
        "Dangel",
        "Kunstner",
        "Hennig",
    ]


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_every_option_says_what_it_does(name: str) -> None:
    """In a sentence that ends in a full stop or a default; the command has a one-line summary and a longer text."""
    command = cli.commands[name]
    assert command.short_help
    assert command.help
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, option.name
            assert option.help.rstrip().endswith((".", "]")), option.help


def test_the_dtypes_that_are_offered_are_all() -> None:
    """They are written out, since importing them takes longer than a prompt should."""
    assert tuple(DTYPE_NAMES.split(", ")) == DTYPES
