"""`Untouched`: what jaccheck itself computes with, as it was before anything foreign was imported, and the way back."""

from __future__ import annotations

import builtins
import io
import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from jaccheck.core.fork_guard import only_here
from jaccheck.core.supervision import open_standard_streams
from jaccheck.core.text import text_of
from jaccheck.errors import BrokenEnvironment

OF_TORCH = (("torch", ""), ("torch", "Tensor"), ("torch.nn.functional", ""), ("torch.nn", "Module"))
"""Modules of torch's, and classes in them, of which functions count, where torch is loaded."""


class Untouched:
    """Functions of builtins, of some modules and of torch, and what the interpreter looks modules up by."""

    def __init__(self) -> None:
        self._owners: dict[str, object] = {each.__name__: each for each in (builtins, io, json, os)}
        self._owners |= dict(_loaded())
        self._before = {name: dict(vars(owner)) for name, owner in self._owners.items()}
        self._path, self._importers, self._deepest = [*sys.path], [*sys.meta_path], sys.getrecursionlimit()

    def put_back(self) -> list[str]:
        """Makes all of it what it was; the names of what was not."""
        found = []
        if not {*map(id, self._importers)} <= {*map(id, sys.meta_path)}:
            sys.meta_path[:] = self._importers
            found.append("sys.meta_path")
        if not {*self._path} <= {*sys.path}:
            sys.path[:] = self._path
            found.append("sys.path")
        if sys.getrecursionlimit() < self._deepest:
            sys.setrecursionlimit(self._deepest)
            found.append("the recursion limit")
        for name, owner in self._owners.items():
            before = self._before[name]
            for attribute in _replaced(before, vars(owner), is_class=isinstance(owner, type)):
                if attribute in before:
                    setattr(owner, attribute, before[attribute])
                else:
                    delattr(owner, attribute)
                found.append(f"{name}.{attribute}")
        return found


_BEFORE: list[Untouched] = []
"""As it was before this process itself imported something foreign."""

SHOWN = 3
"""Of the names of what was replaced, as many at most."""

STREAMS = {"stdout": 1, "stderr": 2}
NUMBERS = (0, *STREAMS.values())
"""Of descriptors. What is opened next takes the number of one that is closed, and what is printed would go there."""


@contextmanager
def importing_foreign() -> Iterator[None]:
    """Around the import of a user's module by a command itself. A fork that it makes ends, and children are waited for
    as before; of what else it replaces, `what_was_replaced` knows.

    Raises BrokenEnvironment where it has closed standard output or standard error.
    """
    _BEFORE.append(Untouched())
    open_before = [name for name in STREAMS if _is_open(name)]
    of_children = getattr(signal, "SIGCHLD", None)  # not on Windows
    handler = signal.getsignal(of_children) if of_children else None  # also None where it was not set from Python
    with _descriptors_kept() as lost, only_here():
        yield
    if of_children and handler is not None:
        signal.signal(of_children, handler)
    if closed := [name for name in open_before if not _is_open(name)]:
        for name in closed:
            setattr(sys, name, open(STREAMS[name], "w", closefd=False))  # noqa: SIM115
    if closed := [name for name, number in STREAMS.items() if name in closed or number in lost]:
        raise BrokenEnvironment(f"what was imported has closed sys.{closed[0]}; leave standard streams open")


def what_was_replaced() -> list[str]:
    """What that has replaced, of all that jaccheck computes with; it is put back."""
    return _BEFORE[-1].put_back() if _BEFORE else []


def replaced_by(names: list[str], error: Exception) -> str:
    """The line for an exception that comes of it."""
    shown = f"{', '.join(names[:SHOWN])}{' and more' if len(names) > SHOWN else ''}"
    why = f"{type(error).__name__}: {' '.join(text_of(error).split())}"
    return f"what was imported has replaced {shown}, with which jaccheck may not work: {why}"


def _is_there(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


@contextmanager
def _descriptors_kept() -> Iterator[list[int]]:
    """Standard descriptors that are closed meanwhile are then what they were; the list has them in the end."""
    copies = {number: os.dup(number) for number in NUMBERS if _is_there(number)}
    lost: list[int] = []
    try:
        yield lost
    finally:
        lost += [number for number in copies if not _is_there(number)]
        for number, copy in copies.items():
            if _is_there(copy):  # it may have been closed with the others
                if number in lost:
                    os.dup2(copy, number)
                os.close(copy)
        open_standard_streams()


def _is_open(name: str) -> bool:
    return not getattr(getattr(sys, name, None), "closed", False)


def _loaded() -> Iterator[tuple[str, object]]:
    for module, kind in OF_TORCH:
        if found := sys.modules.get(module):
            yield (f"{module}.{kind}", getattr(found, kind)) if kind else (module, found)


def _replaced(before: Mapping[str, object], now: Mapping[str, object], *, is_class: bool) -> list[str]:
    """Names of functions that are others now, not jaccheck's or torch's own; a class may hide one that it inherits."""
    names = {*before, *now} if is_class else {*before}
    changed = [name for name in sorted(names) if before.get(name) is not now.get(name)]
    return [
        name
        for name in changed
        if callable(before.get(name, now.get(name)))
        and not str(getattr(now.get(name), "__module__", "")).startswith(("jaccheck.", "torch."))
    ]
