"""What an exception of a user's code says, in one line, with the user's own line of code."""

from __future__ import annotations

from pathlib import Path

from jaccheck.core import own_line, text_of


def failure(error: BaseException) -> str:
    """`KeyError: 'labels' (data.py, line 12: y = batch["labels"])`; the line is the last one that is in no library."""
    said = f"{type(error).__name__}: {text_of(error)}".strip().rstrip(":").split("\n")[0]
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        line = (error.text or "").strip()
        return f"{type(error).__name__}: {error.msg} ({Path(error.filename).name}, line {error.lineno}: {line})"
    line = own_line(error)
    return f"{said} ({line})" if line else said
