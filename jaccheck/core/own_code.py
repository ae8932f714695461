"""A user's own code: where it is found, and which of its lines an exception comes from."""

from __future__ import annotations

import os
import sys
import sysconfig
import traceback
from contextlib import suppress
from functools import cache, lru_cache
from pathlib import Path


def own_line(error: BaseException) -> str:
    """`data.py, line 12: y = batch["labels"]`: the last line that is in no library; empty where there is none."""
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_own(frame.filename)]
    return f"{Path(own[-1].filename).name}, line {own[-1].lineno}: {own[-1].line}" if own else ""


@lru_cache(maxsize=1024)
def _is_own(filename: str) -> bool:
    return not filename.startswith("<") and not str(Path(filename).resolve()).startswith(_libraries())


@cache
def _libraries() -> tuple[str, ...]:
    """The folders of Python, of what is installed, and of jaccheck."""
    folders = {Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")}
    return tuple(str(folder.resolve()) for folder in folders | {Path(__file__).parents[1]})


def look_in_working_directory() -> None:
    """From now on modules are found in the working directory, after all others: a user has named one of them.

    Not before that: torch and Python itself look for many modules that are rarely there (`msvcrt`, `opt_einsum`), and a
    file of that name in an unpacked pull request would run.
    """
    with suppress(OSError):  # a folder that is gone has no modules
        if (here := os.getcwd()) not in sys.path:
            sys.path.append(here)
