"""`Aspects`: what is global, by name: how it is read, how it is put back, and how a script shows it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

Observed = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aspect:
    """One thing that a call should leave as it is.

    `read` are expressions in Python, of which the first that this version of torch and this system know is taken; a
    script shows it, or `shown` where it reads a function of jaccheck's. `put_back` sets the value that was read before,
    and `None` says that this cannot be done.
    """

    name: str
    read: tuple[str, ...]
    put_back: Callable[[Any], object] | None = None
    shown: str = ""


class Aspects:
    """Aspects that exist here, read all at once."""

    def __init__(self, aspects: Iterable[Aspect], names: dict[str, Any]) -> None:
        self._aspects: dict[str, Aspect] = {}
        self.shown: dict[str, str] = {}
        self._each: list[Callable[[], object]] = []
        chosen = []
        for aspect in aspects:
            for expression in aspect.read:
                try:
                    eval(expression, names)
                except (AttributeError, TypeError, NameError, OSError, ValueError, RuntimeError):
                    continue
                self._aspects[aspect.name] = aspect
                self.shown[aspect.name] = aspect.shown or expression
                chosen.append(expression)
                self._each.append(eval(f"lambda: {expression}", names))
                break
        self._read: Callable[[], tuple[object, ...]] = eval(f"lambda: ({', '.join(chosen)},)", names)

    def observe(self) -> Observed:
        """All of them as they are now."""
        try:
            found = self._read()
        except Exception:  # one has been taken away, or cannot be said now
            found = tuple(_read(each) for each in self._each)
        return dict(zip(self._aspects, found, strict=True))

    def put_back(self, before: Observed, now: Observed) -> None:
        """Sets what is not `now` as it was `before`, as far as that can be done."""
        for name, aspect in self._aspects.items():
            if name in before and aspect.put_back and before[name] != now.get(name):
                with contextlib.suppress(Exception):  # what is not put back is seen by whoever looks again
                    aspect.put_back(before[name])


def _read(one: Callable[[], object]) -> object:
    """What it gives, or how it fails, which is another value than any."""
    try:
        return one()
    except Exception as error:
        return f"not to be read: {type(error).__name__}"
