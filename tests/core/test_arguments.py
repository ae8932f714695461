"""`checked`: what is of another type than the signature says ends in one line, before anything is begun."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import pytest

from jaccheck.core import checked
from jaccheck.errors import InvalidRequest

Way = Literal["up", "down"]


def endless() -> Iterator[str]:
    """Names without end."""
    while True:
        yield "a"


@checked()
def taken(
    one: int = 1,
    *,
    number: float | None = None,
    names: Sequence[str] | str = (),
    some: Iterable[str] = (),
    pair: tuple[int, ...] = (),
    by: Mapping[str, int] | None = None,
    call: Callable[..., Any] | None = None,
    path: str | PathLike[str] = "",
    way: Way = "up",
    kinds: set[str] | None = None,
    any_at_all: Any = None,
    beyond: object = None,
) -> int:
    """The first number, and nothing is looked at."""
    return one


RIGHT = (
    {"one": 3},
    {"number": 3},
    {"number": 0.5},
    {"names": ["a"]},
    {"names": "a"},
    {"some": endless()},
    {"some": {"a"}},
    {"pair": (1, 2)},
    {"by": {"a": 1}},
    {"call": len},
    {"path": Path("x")},
    {"way": "down"},
    {"kinds": {"a"}},
    {"any_at_all": endless()},
    {"beyond": b"x"},
)

WRONG = (
    ({"one": None}, "taken(one=None): expected int"),
    ({"one": True}, "taken(one=True): expected int"),
    ({"one": 1.0}, "taken(one=1.0): expected int"),
    ({"number": "1"}, "taken(number='1'): expected float | None"),
    ({"names": ["a", 1]}, "taken(names=['a', 1]): expected Sequence[str] | str"),
    ({"names": {"a"}}, "taken(names={'a'}): expected Sequence[str] | str"),
    ({"some": "abc"}, "taken(some='abc'): expected Iterable[str]"),
    ({"some": 3}, "taken(some=3): expected Iterable[str]"),
    ({"pair": [1]}, "taken(pair=[1]): expected tuple[int, ...]"),
    ({"by": {"a": "b"}}, "taken(by={'a': 'b'}): expected Mapping[str, int] | None"),
    ({"call": 3}, "taken(call=3): expected Callable[..., Any] | None"),
    ({"path": b"x"}, "taken(path=b'x'): expected str | PathLike[str]"),
    ({"way": "left"}, "taken(way='left'): expected 'up' or 'down'"),
    ({"one": "a\nb\x1b[5m" + "c" * 999}, "taken(one="),
)


@pytest.mark.parametrize("given", RIGHT, ids=[str(given).partition(" at 0x")[0] for given in RIGHT])
def test_what_the_signature_says_is_taken(given: dict[str, Any]) -> None:
    """And what can be gone through but once is left as it is."""
    assert taken(**given) == given.get("one", 1)


@pytest.mark.parametrize(("given", "said"), WRONG, ids=[str(given).partition(" at 0x")[0][:30] for given, _ in WRONG])
def test_what_it_does_not_say_is_one_line(given: dict[str, Any], said: str) -> None:
    """With the value, of which no control character is printed, and what was expected."""
    with pytest.raises(InvalidRequest) as raised:
        taken(**given)
    assert said in str(raised.value)
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 200


def test_a_value_that_cannot_be_shown_is_told_all_the_same() -> None:
    """Its class may raise where it is to be printed."""

    class Unshown:
        def __repr__(self) -> str:
            raise RuntimeError

    with pytest.raises(InvalidRequest, match="expected int"):
        taken(Unshown())  # type: ignore[arg-type]


def test_only_what_is_named_is_checked() -> None:
    """Of others the function itself has more to say; and what is missing is told by Python."""

    @checked("b")
    def some(a: int, b: int = 1) -> int:
        return a

    assert some("x") == "x"  # type: ignore[arg-type,comparison-overlap]
    with pytest.raises(InvalidRequest, match="expected int"):
        some(1, "x")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="missing"):
        some()  # type: ignore[call-arg]
