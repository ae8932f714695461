"""`checked`: a function of the public interface whose arguments have the types of its signature, or are told."""

from __future__ import annotations

import inspect
import re
import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, wraps
from types import SimpleNamespace, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from jaccheck.core.text import printable
from jaccheck.errors import InvalidRequest

F = TypeVar("F", bound=Callable[..., Any])

SHOWN = 80
"""Characters of a value that are shown."""


def checked(*names: str) -> Callable[[F], F]:
    """The decorator of a function that raises InvalidRequest before it begins, for an argument of another type.

    Of the parameters with these `names`, or of all; others the function checks itself, since it has more to say.
    """

    def decorate(function: F) -> F:
        signature = inspect.signature(function)
        looked_at = names or tuple(signature.parameters)

        @cache
        def kinds() -> dict[str, Any]:
            stated = SimpleNamespace(__annotations__={name: function.__annotations__[name] for name in looked_at})
            return get_type_hints(stated, function.__globals__)

        @wraps(function)
        def call(*args: Any, **options: Any) -> Any:
            given = signature.bind(*args, **options).arguments
            for name, kind in kinds().items():
                if name in given and not is_of(given[name], kind):
                    raise InvalidRequest(f"{function.__name__}({name}={_shown(given[name])}): expected {_told(kind)}")
            return function(*args, **options)

        return cast(F, call)

    return decorate


def is_of(value: object, kind: Any) -> bool:
    """Whether a value has this type of an annotation. What can be gone through only once is not gone through."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return True
    if isinstance(kind, TypeVar):
        return is_of(value, kind.__bound__)
    if origin in (Union, UnionType):
        return any(is_of(value, each) for each in inner)
    if origin is Literal:
        return any(type(value) is type(each) and value == each for each in inner)
    if kind in (int, float):
        return isinstance(value, int | kind) and not isinstance(value, bool)
    outer = origin or kind or type(None)
    if not isinstance(value, outer) or (isinstance(value, str | bytes) and outer in (Iterable, Sequence)):
        return False
    if isinstance(value, Sequence | set) and inner and outer is not Callable:
        return all(is_of(each, inner[0]) for each in value)
    if isinstance(value, Mapping) and inner:
        return all(is_of(each, of) for pair in value.items() for each, of in zip(pair, inner, strict=True))
    return True


def _told(kind: Any) -> str:
    """A type as people write it, without the names of modules."""
    if isinstance(kind, TypeVar):
        return _told(kind.__bound__)
    if get_origin(kind) is Literal:
        return " or ".join(map(repr, get_args(kind)))
    return kind.__name__ if isinstance(kind, type) and not get_args(kind) else re.sub(r"[\w.]+\.(?=\w)", "", str(kind))


def _shown(value: object) -> str:
    text = printable(" ".join(reprlib.repr(value).split()))
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
