"""The command line: parse, call, print, exit. Nothing that takes time to import is imported before it is used.

Exit codes: 0 nothing found, 1 something found, 2 misuse or broken environment, 3 a fault of jaccheck's own.
"""

from jaccheck.cli import (  # each adds its commands to the group
    bench,
    check,
    gate,
    history,
    known,
    matrix,
    report,
    sequences,
    show,
    small,
    verify,
)
from jaccheck.cli.exits import main
from jaccheck.cli.group import cli
from jaccheck.cli.options import FAMILY_NAMES

__all__ = [
    "FAMILY_NAMES",
    "bench",
    "check",
    "cli",
    "gate",
    "history",
    "known",
    "main",
    "matrix",
    "report",
    "sequences",
    "show",
    "small",
    "verify",
]
