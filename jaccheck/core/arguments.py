"""`checked`: a function of the public interface whose arguments have the types of its signature, or are told."""

from __future__ import annotations

import inspect
import re
import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, wraps
from itertools import chain
from types import SimpleNamespace, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from jaccheck.core.text import printable
from jaccheck.errors import InvalidRequest

F = TypeVar("F", bound=Callable[..., Any])
Test = Callable[[object], bool]

SHOWN = 80
"""Characters of a value that are shown."""


def checked(*names: str) -> Callable[[F], F]:
    """The decorator of a function that raises InvalidRequest before it begins, for an argument of another type.

    Of the parameters with these `names`, or of all; others the function checks itself, since it has more to say. It
    takes some microseconds: what it needs of the signature is worked out at the first call.
    """

    def decorate(function: F) -> F:
        parameters = tuple(inspect.signature(function).parameters)
        looked_at = names or parameters

        @cache
        def kinds() -> dict[str, tuple[Any, Test]]:
            stated = SimpleNamespace(__annotations__={name: function.__annotations__[name] for name in looked_at})
            found = get_type_hints(stated, function.__globals__)
            return {name: (kind, _test_of(kind)) for name, kind in found.items()}

        @wraps(function)
        def call(*args: Any, **options: Any) -> Any:
            known = kinds()
            for name, value in chain(zip(parameters, args, strict=False), options.items()):
                if name in known and not known[name][1](value):
                    expected = _told(known[name][0])
                    raise InvalidRequest(f"{function.__name__}({name}={_shown(value)}): expected {expected}")
            return function(*args, **options)

        return cast(F, call)

    return decorate


def _test_of(kind: Any) -> Test:
    """Whether a value has this type of an annotation. What can be gone through only once is not gone through."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return lambda value: True
    if isinstance(kind, TypeVar):
        return _test_of(kind.__bound__)
    if origin in (Union, UnionType):
        tests = [_test_of(each) for each in inner]
        return lambda value: any(test(value) for test in tests)
    if origin is Literal:
        return lambda value: any(type(value) is type(each) and value == each for each in inner)
    if kind in (int, float):
        return lambda value: isinstance(value, int | kind) and not isinstance(value, bool)
    outer = origin or kind or type(None)
    within = [_test_of(each) for each in inner if each is not Ellipsis] if outer is not Callable else []

    def test(value: object) -> bool:
        if not isinstance(value, outer) or (isinstance(value, str | bytes) and outer in (Iterable, Sequence)):
            return False
        if within and isinstance(value, Sequence | set):
            return all(map(within[0], value))
        if within and isinstance(value, Mapping):
            return all(of(each) for pair in value.items() for each, of in zip(pair, within, strict=True))
        return True

    return test


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
