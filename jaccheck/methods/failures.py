"""What an exception of a user's code says, in one line, with the user's own line of code."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path

import jaccheck

_LIBRARIES = tuple(
    {str(Path(sysconfig.get_path(name)).resolve()) for name in ("stdlib", "purelib", "platlib")}
    | {str(Path(jaccheck.__file__).resolve().parent)}
)


def failure(error: BaseException) -> str:
    """`KeyError: 'labels' (data.py, line 12: y = batch["labels"])`; the line is the last one that is in no library."""
    said = f"{type(error).__name__}: {error}".strip().rstrip(":").split("\n")[0]
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        line = (error.text or "").strip()
        return f"{type(error).__name__}: {error.msg} ({Path(error.filename).name}, line {error.lineno}: {line})"
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_own(frame.filename)]
    if not own:
        return said
    last = own[-1]
    return f"{said} ({Path(last.filename).name}, line {last.lineno}: {last.line})"


def _is_own(filename: str) -> bool:
    return not filename.startswith("<") and not str(Path(filename).resolve()).startswith(_LIBRARIES)
