"""`jaccheck replay`: is a stored finding still there?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import click

from jaccheck import rendering, reports, runs
from jaccheck.cli.command import Argument, Option, command
from jaccheck.cli.versions import tell_versions
from jaccheck.core import printable
from jaccheck.errors import IncompatibleFile, JaccheckError, UnreadableFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Run stored findings again, and say of each what became of it. PATHS are files or directories.

    \b
    FIXED         the law was asked again on this very case, and the method keeps it, and all others
    an outcome    it still breaks it, as DISAGREES says
    FAILED        it does not do what the finding says, but something else is wrong, or nobody can tell: the case alone
                  did not show it before either
    ERROR         it could not be asked: no finding or case in the file, no such law, method or device
    INCOMPATIBLE  the file was written under another schema version

    Exit code 0 where all are FIXED, 1 where one is not, 2 where one could not be asked. Methods run in a process of
    their own, a minute and 4 GiB for each case: what ends or blocks it is told. A finding says which method it is
    about, but never what is imported: a module of your own is given by --method.
    """

    paths: Annotated[tuple[Path, ...], Argument()]
    methods: Annotated[
        tuple[str, ...],
        Option(
            "--method",
            "NAME",
            help="`package.module:function`, a method of your own that the findings are about; it is imported. "
            "Repeatable.",
        ),
    ] = ()


FIXED, FAILED, ERROR, INCOMPATIBLE = "FIXED", "FAILED", "ERROR", "INCOMPATIBLE"
"""What is printed where the finding is gone, something else is wrong, or its file cannot be replayed."""


@command("replay", "Run stored findings again.")
def run(request: Request) -> int:
    """Prints what became of each finding; 2 where a file could not be replayed, else 1 where one is not fixed."""
    console = rendering.make_console()
    code, is_told = 0, False
    with runs.Replayer(request.methods) as replayer:
        for path in _files(request.paths):
            try:
                file = reports.load(reports.CaseFile, path)
                if not is_told:  # a file that is refused is one line, and nothing else
                    tell_versions()
                    is_told = True
                found = replayer.replay(file)
            except JaccheckError as error:
                code, answer, why = 2, INCOMPATIBLE if isinstance(error, IncompatibleFile) else ERROR, str(error)
            else:
                code, answer, why = max(code, int(found.outcome is not None)), _answer(found), _why(found)
            line = f"{answer}: {path}: {why.removeprefix(f'{path}: ')}"
            if path.exists():
                rendering.verbatim(console, line)
            else:
                click.echo(printable(line), err=True)
    return code


def _answer(found: runs.Replayed) -> str:
    if found.outcome is None:
        return FIXED
    return str(found.outcome) if found.is_same else FAILED


def _why(found: runs.Replayed) -> str:
    return found.message if found.outcome is None or found.is_same else f"{found.outcome} now: {found.message}"


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            inside = sorted(path.glob("*.json"))
            if not inside:
                raise UnreadableFile(f"{path}: holds no .json files")
            yield from inside
        else:
            yield path
