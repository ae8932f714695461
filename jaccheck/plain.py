"""`plain_data`: the one kind of value that goes between the parts: frozen, printed as it is written, JSON both ways."""

from __future__ import annotations

import dataclasses
import stat
from collections.abc import Hashable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast, dataclass_transform

from pydantic import TypeAdapter, ValidationError

from jaccheck.errors import UnreadableFile

T = TypeVar("T")

MAX_FILE_BYTES = 2**28


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(dataclasses.field,))
def plain_data(cls: type[T]) -> type[T]:
    """A frozen, slotted, keyword-only dataclass whose repr leaves out defaults and can be pasted back."""
    made = dataclasses.dataclass(frozen=True, slots=True, kw_only=True, repr=False)(cls)
    made.__repr__ = _short_repr  # type: ignore[method-assign]
    made.__pydantic_config__ = {  # type: ignore[attr-defined]
        "extra": "forbid",
        "strict": True,
        "ser_json_inf_nan": "strings",
    }
    return made


def _short_repr(value: Any) -> str:
    shown = (
        f"{field.name}={getattr(value, field.name)!r}"
        for field in dataclasses.fields(value)
        if field.repr and getattr(value, field.name) != field.default
    )
    return f"{type(value).__name__}({', '.join(shown)})"


def to_json(value: Any, *, indent: int | None = None) -> str:
    """JSON of a value of plain data."""
    return _adapter(cast(Hashable, type(value))).dump_json(value, indent=indent).decode()


def from_json(kind: type[T], text: str | bytes, *, where: str) -> T:
    """The value of type `kind` that JSON text holds. Raises UnreadableFile, which names the place in `where`."""
    try:
        value: T = _adapter(cast(Hashable, kind)).validate_json(text)
        return value
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        shown = repr(first["input"])
        raise UnreadableFile(
            f"{where}: {place}: {first['msg']}, not {shown[:80]}{'…' if len(shown) > 80 else ''}"
        ) from None


def write_text(text: str, path: Path) -> None:
    """Writes a file. Raises UnreadableFile where that cannot be done."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UnreadableFile(f"{path}: cannot be written: {error.strerror}") from None


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Made once for each type: making one takes longer than drawing a case."""
    return TypeAdapter(kind)


def read_text(path: Path) -> str:
    """What a file holds. Raises UnreadableFile where it is missing, too large (`MAX_FILE_BYTES`) or no UTF-8.

    A device or a pipe has no size and perhaps no end; a link to one may come with somebody else's files.
    """
    try:
        status = path.stat()
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            raise UnreadableFile(f"{path}: is no file but a device, pipe or socket")
        size = status.st_size
        if size > MAX_FILE_BYTES:
            raise UnreadableFile(f"{path}: {size} bytes, at most {MAX_FILE_BYTES} are read")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UnreadableFile(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"{path}: is no UTF-8 text: {error.reason} at byte {error.start}") from None
