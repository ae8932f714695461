"""`Untouched`: what jaccheck itself computes with, as it was before anything foreign was imported, and the way back."""

from __future__ import annotations

import builtins
import io
import json
import os
import sys
from collections.abc import Iterator, Mapping

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
