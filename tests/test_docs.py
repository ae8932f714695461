"""What the documents in docs/ say can be typed: examples parse, commands have their options, environments exist."""

from __future__ import annotations

import ast
import configparser
import re
import tomllib
from pathlib import Path

import click
import pytest
from env_versions import expected_versions

from jaccheck.cli import cli

ROOT = Path(__file__).parent.parent
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
WORKFLOWS = sorted(ROOT.glob(".github/workflows/*.yml"))
TOX = (ROOT / "tox.ini").read_text()
BLOCKS = [
    pytest.param(language, text, id=f"{path.name}-{number}-{language}")
    for path in DOCUMENTS
    for number, (language, text) in enumerate(re.findall(r"^```(\w+)\n(.*?)^```", path.read_text(), re.M | re.S))
]


def named(pattern: str, paths: list[Path]) -> set[str]:
    """What the pattern's group finds in the files, split at commas."""
    found = (match for path in paths for match in re.findall(pattern, path.read_text()))
    return {name.strip() for match in found for name in match.split(",")}


COMMANDS = {line for path in DOCUMENTS for line in re.findall(r"\bjaccheck [a-z]+ -[^`\n|]*", path.read_text())}
ENVIRONMENTS = named(r"\btox\b[^`\n]* -e ([\w,-]+)", DOCUMENTS) | named(r"(?:env|TOXENV): \[?(\w[\w, -]+)", WORKFLOWS)


@pytest.mark.parametrize(("language", "text"), BLOCKS)
def test_an_example_parses(language: str, text: str) -> None:
    """As what it says it is; what it does is tested where it belongs."""
    match language:
        case "python":
            ast.parse(text)
        case "toml":
            tomllib.loads(text)
        case "ini":
            configparser.ConfigParser(interpolation=None).read_string(text)
        case _:
            assert language in ("console", "sh", "text", "yaml"), f"language {language!r} is not checked"


@pytest.mark.parametrize("line", sorted(COMMANDS))
def test_a_command_has_its_options(line: str) -> None:
    """Each `jaccheck COMMAND --option` of the documents."""
    name, *words = line.removeprefix("jaccheck ").split()
    command = cli.commands[name]
    known = {option for p in command.params if isinstance(p, click.Option) for option in p.opts} | {"--help"}
    asked = {word.partition("=")[0].strip("]…,.") for word in words if word.startswith("--")}
    assert asked <= known, f"{line!r} names {asked - known}"


@pytest.mark.parametrize("name", sorted(ENVIRONMENTS))
def test_an_environment_exists(name: str) -> None:
    """Each that a document or a workflow names: a section of tox.ini, or factors that each have a line there."""
    if f"[testenv:{name}]" in TOX:
        return
    expected_versions(name)
    for factor in name.split("-"):
        digits = factor.removeprefix("backpack")
        assert factor.startswith("py") or f"{factor}:" in TOX or digits in TOX, f"tox.ini does not know {factor!r}"
