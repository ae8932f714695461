"""A command is made from its request: what the annotations and types of the fields say, click does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import click
import pytest

from jaccheck.cli import cli
from jaccheck.cli.command import Argument, Option, command


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Try it."""

    what: Annotated[str, Argument()]
    rest: Annotated[tuple[Path, ...], Argument("[FILE]...")] = ()
    names: Annotated[tuple[str, ...], Option("--name", "NAME", offers="one, other", help="A name.")] = ()
    count: Annotated[int, Option("--count -c", "N", type=click.IntRange(1), help="How many.")] = 3
    path: Annotated[Path | None, Option("--path", "PATH", help="Where.")] = None
    size: Annotated[float, Option("--size", "SIZE", default="2.5", help="How large.")]
    again: Annotated[str | None, Option("--again", "[N]", bare="last", help="Which one.")] = None
    loud: Annotated[bool, Option("--loud", help="So that all hear it.")] = False


@pytest.fixture
def asked() -> Iterator[list[Request]]:
    """The requests that were answered by a command `try`, which is there for one test."""
    answered: list[Request] = []

    @command("try", "Try.")
    def run(request: Request) -> int:
        answered.append(request)
        return 7

    yield answered
    del cli.commands["try"]


@pytest.mark.parametrize(
    ("arguments", "request_"),
    [
        ("a", Request(what="a", size=2.5)),
        (
            "a b c --name x --name y -c 5 --path p --size 1 --again=4 --loud",
            Request(
                what="a",
                rest=(Path("b"), Path("c")),
                names=("x", "y"),
                count=5,
                path=Path("p"),
                size=1.0,
                again="4",
                loud=True,
            ),
        ),
        ("a --again", Request(what="a", size=2.5, again="last")),
    ],
)
def test_options_become_fields(asked: list[Request], arguments: str, request_: Request) -> None:
    """Of the types of the fields, with their defaults; what `run` returns is the exit code."""
    assert cli.main(["try", *arguments.split()], standalone_mode=False) == 7
    assert asked == [request_]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [("", "Missing argument 'WHAT'"), ("a --count 0", "'--count'"), ("a --size x", "not a valid float")],
)
def test_what_is_wrong_is_refused(asked: list[Request], arguments: str, complaint: str) -> None:
    """By click, before `run` is called."""
    with pytest.raises(click.UsageError) as error:
        cli.main(["try", *arguments.split()], standalone_mode=False)
    assert complaint in error.value.format_message()
    assert asked == []


@pytest.mark.usefixtures("asked")
def test_the_help_is_that_of_the_request(capsys: pytest.CaptureFixture[str]) -> None:
    """Its docstring, and of each field the default that may be shown."""
    cli.main(["try", "--help"], standalone_mode=False)
    said = capsys.readouterr().out
    for line in (
        "try [OPTIONS] WHAT [FILE]...",
        "  Try it.",
        "--name NAME    A name.",
        "-c, --count N  How many.  [default: 3; x>=1]",
        "--size SIZE    How large.  [default: 2.5]",
        "--again [N]    Which one.",
        "--loud         So that all hear it.",
    ):
        assert line in said
