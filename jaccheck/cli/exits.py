"""The way out of every command: an exit code, and one line for what went wrong."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

import click

from jaccheck.cli.group import cli
from jaccheck.core import printable
from jaccheck.errors import JaccheckError

NOTHING_FOUND, FOUND, MISUSE, OWN_FAULT = 0, 1, 2, 3


def main() -> NoReturn:
    """Runs the command; every kind of failure ends in its exit code and one line on standard error."""
    if not sys.flags.safe_path:
        # For `--method my_module:my_method`, as `python -m jaccheck` has it; last, so that nothing is shadowed.
        sys.path.append(os.getcwd())
    try:
        sys.exit(cli.main(standalone_mode=False) or NOTHING_FOUND)
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(MISUSE)
    except (click.ClickException, JaccheckError) as error:
        _complain(" ".join(_message(error).split()))
        sys.exit(MISUSE)
    except (click.Abort, KeyboardInterrupt):
        _complain("interrupted")
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(NOTHING_FOUND)
    except Exception:
        import traceback

        traceback.print_exc()
        _complain("an error in jaccheck itself; please report it with the lines above")
        sys.exit(OWN_FAULT)


def _message(error: click.ClickException | JaccheckError) -> str:
    """What is wrong; where the command line itself is, also where to look."""
    if not isinstance(error, click.ClickException):
        return str(error)
    where = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else ""
    message = error.format_message()
    end = "" if message.endswith((".", "?")) else "."
    return f"{message}{end} See `{where} --help`." if where else message


def _complain(message: str) -> None:
    click.echo(f"jaccheck: {printable(message)}", err=True)
