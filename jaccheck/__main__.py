"""`python -m jaccheck`, and the command `jaccheck`."""

import sys
from typing import NoReturn

from jaccheck.core import leave_at_ctrl_c, supervised, text_of


def main() -> NoReturn:
    """Runs the command, in a process that may end while it loads what it needs."""
    leave_at_ctrl_c()
    supervised(_command)


def _command() -> NoReturn:
    """Runs the command; one line and exit code 2 where what it needs at once does not import."""
    try:
        from jaccheck.cli import main
    except KeyboardInterrupt:
        print("jaccheck: interrupted", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        why = " ".join(f"{type(error).__name__}: {text_of(error)}".split())
        print(f"jaccheck: what it needs does not import: {why}", file=sys.stderr)
        sys.exit(2)
    main()


if __name__ == "__main__":
    main()
