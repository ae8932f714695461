"""A package that is there and does not import: no fault of jaccheck's, whatever it raises."""

from __future__ import annotations

import traceback
from pathlib import Path
from types import FrameType

from jaccheck.core import text_of

HERE = str(Path(__file__).parents[1])


def what_does_not_import(error: Exception) -> str:
    """Which module does not import and why, in one line; empty where the error is of another kind.

    An exception that a foreign module raises while it is imported passes through the frame of that module's own lines,
    right below jaccheck's.
    """
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    ours = [number for number, frame in enumerate(frames) if _is_ours(frame)]
    below = frames[ours[-1] + 1 :] if ours else frames
    importing = next((frame for frame in below if frame.f_code.co_name == "<module>"), None)
    name = importing.f_globals.get("__name__", "") if importing else getattr(error, "name", None)
    is_unread = isinstance(error, SyntaxError) and not str(error.filename).startswith(HERE)
    if importing is None and not isinstance(error, ImportError) and not is_unread:
        return ""
    why = (text_of(error).strip() or text_of(error, repr)).splitlines()[0]
    where = importing.f_code.co_filename if importing else error.filename if isinstance(error, SyntaxError) else ""
    file = Path(str(where))
    what = name or (file.parent.name if file.stem == "__init__" else file.stem) or "a package"
    place = f" ({where})" if where else ""
    return f"{what} does not import{place}: {type(error).__name__}: {why}; mend it, or install it anew"


def is_click(error: BaseException) -> bool:
    """Whether click has raised it."""
    *_, (last, _) = traceback.walk_tb(error.__traceback__)
    return str(last.f_globals.get("__name__", "")).partition(".")[0] == "click"


def _is_ours(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith(HERE)
