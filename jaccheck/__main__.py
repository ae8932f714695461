"""`python -m jaccheck`, and the command `jaccheck`. All is imported inside of `main`: Ctrl-C may come meanwhile."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

INTERRUPTED = 130


def main() -> NoReturn:
    """Runs the command, in a process that may end while it loads what it needs."""
    try:
        from jaccheck.core import leave_at_ctrl_c, supervised

        leave_at_ctrl_c()
    except KeyboardInterrupt:
        _say("interrupted", INTERRUPTED)
    supervised(_command)


def _command() -> NoReturn:
    """Runs the command; one line and exit code 2 where what it needs at once does not import."""
    try:
        from jaccheck.cli import main
    except KeyboardInterrupt:
        _say("interrupted", INTERRUPTED)
    except Exception as error:
        from jaccheck.core import text_of

        _say(f"what it needs does not import: {' '.join(f'{type(error).__name__}: {text_of(error)}'.split())}", 2)
    main()


def _say(what: str, code: int) -> NoReturn:
    """Says it in one line, and ends."""
    import sys

    print(f"jaccheck: {what}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
