"""`plain_data`: values that go between rooms and files: frozen, with a repr that can be pasted, JSON both ways."""

from __future__ import annotations

import copy
import dataclasses
import json
import re
import reprlib
from collections.abc import Hashable
from functools import cache
from typing import Annotated, Any, TypeVar, cast, dataclass_transform

from annotated_types import Ge, Le
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, SchemaValidator

from jaccheck.errors import UnreadableFile

T = TypeVar("T")

Count = Annotated[int, Ge(0)]
Seconds = Annotated[float, Ge(0), Le(1e10)]
"""A time that something took: three centuries at most, or the file is broken."""

LONGEST = 400
"""How many characters of a place or an error are shown."""

MAX_VALUES = 2**22
"""Most values in a file: each takes hundreds of bytes in memory, however few it takes in the file."""


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(dataclasses.field,))
def plain_data(cls: type[T]) -> type[T]:
    """A frozen, slotted, keyword-only dataclass whose repr leaves out defaults and can be pasted, or is its own."""
    made = dataclasses.dataclass(frozen=True, slots=True, kw_only=True, repr=False)(cls)
    if "__repr__" not in cls.__dict__:
        made.__repr__ = _short_repr  # type: ignore[method-assign]
    made.__pydantic_config__ = {  # type: ignore[attr-defined]
        "extra": "forbid",
        "strict": True,
        "allow_inf_nan": False,  # but for a `Number`, which says so
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
    """JSON of a value of plain data, in which half a pair of surrogates, which is no character, is spelled out."""
    adapter = _adapter(cast(Hashable, type(value)))
    try:
        return adapter.dump_json(value, indent=indent).decode()
    except PydanticSerializationError:  # which names neither its kind nor the text
        text = json.dumps(adapter.dump_python(value, mode="json"), indent=indent, ensure_ascii=False)
        return _SURROGATE.sub(lambda half: rf"\\u{ord(half[0]):04x}", text)


_SURROGATE = re.compile("[\ud800-\udfff]")


def from_json(kind: type[T], text: str | bytes, *, where: str) -> T:
    """The value of type `kind` that JSON text holds. Raises UnreadableFile, which names the place in `where`."""
    check_amount(text, where=where)
    try:
        value: T = _reader(cast(Hashable, kind)).validate_json(text)
        return value
    except ValidationError as error:
        raise UnreadableFile(f"{where}: {_first_of(error)}") from None


def check_amount(text: str | bytes, *, where: str) -> None:
    """Raises UnreadableFile where JSON or TOML text holds more than `MAX_VALUES` values, before it is parsed."""
    signs: tuple[Any, ...] = (",", "[", "{") if isinstance(text, str) else (b",", b"[", b"{")
    if (values := sum(map(text.count, signs))) > MAX_VALUES:
        raise UnreadableFile(f"{where}: up to {values} values, at most {MAX_VALUES} are read")


def _first_of(error: ValidationError) -> str:
    """The first error, with its place and the beginning of the value there."""
    first = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "the whole"
    shown = reprlib.repr(first["input"])
    return f"{place[:LONGEST]}: {first['msg'][:LONGEST]}, not {shown[:80]}{'…' if len(shown) > 80 else ''}"


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Made once for each type: making one takes longer than drawing a case."""
    return TypeAdapter(kind)


@cache
def _reader(kind: Any) -> SchemaValidator:
    """The validator of a type. It stops at the first error in a list, and refuses numbers of more than 64 bits."""
    schema = copy.deepcopy(_adapter(kind).core_schema)
    _tighten(schema)
    return SchemaValidator(schema)


def _tighten(schema: object) -> None:
    """Millions of errors would all be kept; a number of a thousand digits overflows when it is used."""
    if isinstance(schema, dict):
        if schema.get("type") == "tuple":
            schema["fail_fast"] = True
        elif schema.get("type") == "int":
            schema.setdefault("ge", -(2**63))
            schema.setdefault("le", 2**63 - 1)
        for part in schema.values():
            _tighten(part)
    elif isinstance(schema, list):
        for part in schema:
            _tighten(part)
