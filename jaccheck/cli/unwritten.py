"""What a command could not write: its results are printed all the same, and the exit code is 0 no more."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import click

from jaccheck.core import printable, write_text
from jaccheck.errors import UnreadableFile

R = TypeVar("R")

_UNWRITTEN = "jaccheck.unwritten"
"""Where click keeps them for one command."""

_UNDRAWN = "jaccheck.undrawn"
"""Those that jaccheck itself failed to make."""


@contextmanager
def told_at_the_end() -> Iterator[None]:
    """Has a file that cannot be written told when the command has come to its end, and not end it."""
    try:
        yield
    except UnreadableFile as error:
        context = click.get_current_context(silent=True)
        if context is None:
            raise
        context.meta.setdefault(_UNWRITTEN, []).append(str(error))


def write_report(report: R, path: Path, text_of: Callable[[R], str]) -> None:
    """Writes a report to a file. What fails in it ends no command: what was measured is worth more than one file."""
    with told_at_the_end():
        try:
            text = text_of(report)
        except Exception as error:
            context = click.get_current_context(silent=True)
            if context is None:
                raise
            context.meta.setdefault(_UNDRAWN, []).append((path, error))
        else:
            write_text(text, path)


def tell_what_is_unwritten(code: int) -> int:
    """Tells each file that could not be written; the exit code, which is 2 or 3 then where nothing was found."""
    meta = click.get_current_context().meta
    unwritten, undrawn = meta.get(_UNWRITTEN, ()), meta.get(_UNDRAWN, ())
    for path, error in undrawn:
        click.echo(printable("".join(traceback.format_exception(error))), err=True, nl=False)
        text = f"{path}: the report could not be made, an error in jaccheck itself; please report the lines above"
        click.echo(f"jaccheck: {printable(text)}", err=True)
    for line in dict.fromkeys(unwritten):
        click.echo(f"jaccheck: {printable(line)}", err=True)
    return code or (3 if undrawn else 2 * bool(unwritten))
