"""What the documents in docs/ say can be typed: examples parse, commands have their options, environments exist."""

from __future__ import annotations

import ast
import configparser
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
from jaccheck_support.env_versions import expected_versions

from jaccheck.cli import cli

ROOT = Path(__file__).parents[2]
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


FILES = {"jaccheck.fish", "jaccheck.xml"}
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


@pytest.mark.parametrize("name", sorted(named(r"(?<![\w/.-])(jaccheck(?:\.[A-Za-z]\w*)+)", DOCUMENTS) - FILES))
def test_a_dotted_name_exists(name: str) -> None:
    """Each `jaccheck.room.name` of the documents: a module, or what one has."""
    pkgutil.resolve_name(name)


@pytest.mark.parametrize("name", sorted(ENVIRONMENTS))
def test_an_environment_exists(name: str) -> None:
    """Each that a document or a workflow names: a section of tox.ini, or factors that each have a line there."""
    if f"[testenv:{name}]" in TOX:
        return
    expected_versions(name)
    for factor in name.split("-"):
        digits = factor.removeprefix("backpack")
        assert factor.startswith("py") or f"{factor}:" in TOX or digits in TOX, f"tox.ini does not know {factor!r}"


def test_workflows_are_what_github_reads(tmp_path: Path) -> None:
    """Those of this repository, and those that the documents give to others, by GitHub's schema as it was shipped."""
    files = list(map(str, WORKFLOWS))
    for number, (language, text) in enumerate(param.values for param in BLOCKS):
        if language == "yaml" and "\njobs:" in str(text):
            given = tmp_path / f"{number}.yml"
            given.write_text(str(text))
            files.append(str(given))
    assert len(files) > len(WORKFLOWS)
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
    done = subprocess.run([*check, *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_nothing_is_said_to_be_on_an_index(path: Path) -> None:
    """As long as it is not: who did as told would install somebody else's package of that name."""
    commands = re.findall(r"pip install ([^`\n&#]*)", path.read_text())
    assert not [line for line in commands if re.search(r"(?<![\w/.-])'?jaccheck\b", line)]
