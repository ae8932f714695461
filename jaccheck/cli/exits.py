"""The way out of every command: an exit code, and one line for what went wrong."""

from __future__ import annotations

import sys
from typing import NoReturn

import click

from jaccheck.cli.broken_import import is_click, what_does_not_import
from jaccheck.cli.codes import INTERRUPTED, MISUSE, NOTHING_FOUND, OWN_FAULT
from jaccheck.cli.group import Interrupted, cli
from jaccheck.cli.streams import make_patient, what_was_lost
from jaccheck.core import ignore_ctrl_c, printable, replaced_by, what_was_replaced
from jaccheck.errors import JaccheckError

LONGEST = 2000
"""Letters of a message; the user's own words may stand in it, whatever their length."""


def main() -> NoReturn:
    """Runs the command; every kind of failure ends in its exit code and one line on standard error."""
    make_patient()
    code = exit_code()
    ignore_ctrl_c()
    if lost := what_was_lost():
        _complain(f"standard output could not be written to its end: {lost}; the exit code is {code} all the same")
    sys.exit(code)


def exit_code() -> int:
    """Runs the command that `sys.argv` holds, and says what went wrong."""
    try:
        return cli.main(standalone_mode=False) or NOTHING_FOUND
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return MISUSE
    except (click.ClickException, JaccheckError) as error:
        _complain(_message(error))
        return MISUSE
    except (click.Abort, KeyboardInterrupt, Interrupted):
        ignore_ctrl_c()
        _complain("interrupted")
        return INTERRUPTED
    except SystemExit as end:
        if is_click(end):  # it has completed a line of a shell
            raise
        _complain(f"a module that was imported has ended the command by sys.exit({str(end.code)[:80]!r})")
        return MISUSE
    except Exception as error:
        if replaced := what_was_replaced():
            _complain(replaced_by(replaced, error))
            return MISUSE
        if broken := what_does_not_import(error):
            _complain(broken)
            return MISUSE
        if isinstance(error, OSError) and error.errno is not None:
            _complain(f"{error.filename or 'the system'}: {error.strerror}")
            return MISUSE
        import traceback

        traceback.print_exc()
        _complain("an error in jaccheck itself; please report it with the lines above")
        return OWN_FAULT


def _message(error: click.ClickException | JaccheckError) -> str:
    """What is wrong; where the command line itself is, also where to look."""
    if not isinstance(error, click.ClickException):
        return str(error)
    where = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else ""
    message = error.format_message()
    if len(message) > LONGEST:
        message = f"{message[: LONGEST // 2]} … {message[-LONGEST // 2 :]}"
    end = "" if message.endswith((".", "?")) else "."
    return f"{message}{end} See `{where} --help`." if where else message


def _complain(message: str) -> None:
    line = printable(" ".join(message.split()))
    click.echo(f"jaccheck: {line if len(line) <= LONGEST else f'{line[:LONGEST]}…'}", err=True)
