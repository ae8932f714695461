"""The command line: parse, call, print, exit. Nothing that takes time to import is imported before it is used.

Exit codes: 0 nothing found, 1 something found, 2 misuse or broken environment, 3 an error in jaccheck itself.
"""

from jaccheck.cli import (  # each adds its command to the group
    bench,
    check,
    gate,
    history,
    known,
    matrix,
    methods,
    replay,
    report,
    selftest,
    sequences,
    show,
    verify,
)
from jaccheck.cli.exits import main
from jaccheck.cli.group import cli

__all__ = [
    "bench",
    "check",
    "cli",
    "gate",
    "history",
    "known",
    "main",
    "matrix",
    "methods",
    "replay",
    "report",
    "selftest",
    "sequences",
    "show",
    "verify",
]
