"""Tests run on a mutant of jaccheck, in a fork of a process that has loaded torch; for `own_mutants.py`."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest
from own_mutants_tests import PYTEST, environment

LONGEST_S = 900.0
"""For all tests of one mutant together: what takes longer has lost its end, and is killed by that."""


@contextmanager
def planted(path: Path, code: str, number: int) -> Iterator[None]:
    """The file with this code, at a time of its own, so that no compiled file of another code counts as its own."""
    source = path.read_text()
    path.write_text(code)
    os.utime(path, (number, number))
    try:
        yield
    finally:
        path.write_text(source)


def first_failure(copy: Path, tests: list[str], tier: str, *plugins: object) -> str:
    """The first of these tests that fails, or "time"; empty if none does. In a fork, which has torch already."""
    if not tests:
        return ""
    (copy / "tests.txt").write_text("\n".join([*tests, ""]))
    printed = copy / "printed.txt"
    if (child := os.fork()) == 0:
        in_the_copy(copy, printed, ["-x", "-rfE", "-m", tier, "@tests.txt"], plugins)
    until = time.monotonic() + LONGEST_S
    while not (ended := os.waitpid(child, os.WNOHANG))[0]:
        if time.monotonic() > until:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return "time"
        time.sleep(0.1)
    if (code := os.waitstatus_to_exitcode(ended[1])) in (0, 5):
        return ""
    named = [line for line in printed.read_text().splitlines() if line.startswith(("FAILED ", "ERROR "))]
    return named[-1].split(" ", 1)[1].split(" - ")[0] if named else f"pytest ended with {code}"


def in_the_copy(copy: Path, printed: Path, arguments: list[str], plugins: tuple[object, ...]) -> NoReturn:
    """Runs pytest where jaccheck is that of the copy, here and in the processes that it starts; ends this process."""
    code = 70
    try:
        os.setsid()
        os.chdir(copy)
        for stream in (1, 2):
            os.dup2(os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC * (stream == 1) | os.O_APPEND), stream)
        os.environ.update(environment(copy))
        sys.path.insert(0, str(copy))
        code = pytest.main([*PYTEST[3:], *arguments], plugins)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)
