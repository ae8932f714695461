"""Functions and classes of torch that a method may have replaced: what they are, and the way back.

A class must stay as it is. Of a module only what it had counts: names are added to it whenever something is imported.
"""

from __future__ import annotations

import builtins
import contextlib
from collections.abc import Iterable, Iterator
from types import ModuleType

import torch
import torch.func
from torch import nn

Owner = type | ModuleType

MODULES: tuple[ModuleType, ...] = (torch, nn.functional, nn.init, torch.autograd, torch.func, torch.linalg, builtins)
CLASSES: tuple[type, ...] = (nn.Module, nn.Parameter, torch.Tensor, torch.autograd.Function)

_CHANGES = frozenset({"__abstractmethods__", "__annotations__", "_", "Storage"})
"""What changes without anybody's doing, `_` in an interactive session, and what goes with the default dtype."""


class Functions:
    """The functions of torch, and those of the classes of a network's modules, as they are now."""

    def __init__(self, modules: Iterable[nn.Module]) -> None:
        classes = {each for module in modules for each in type(module).__mro__} - {object}
        self._owners: tuple[Owner, ...] = (*MODULES, *dict.fromkeys((*CLASSES, *classes)))
        self._before = [dict(vars(owner)) for owner in self._owners]
        self._values = [tuple(each.values()) for each in self._before]

    def are_as_before(self) -> bool:
        """Whether nothing was replaced, added or taken away; quick, and no where it cannot be told."""
        try:
            # Tuples look first whether two values are one object, and ask for equality only where they are not.
            return self._values == [tuple(vars(owner).values()) for owner in self._owners]
        except Exception:
            return False

    def changes(self) -> Iterator[tuple[Owner, str]]:
        """Each attribute that is not as it was."""
        for owner, before in zip(self._owners, self._before, strict=True):
            now = dict(vars(owner))
            names = before.keys() | now.keys() if isinstance(owner, type) else before.keys()
            for name in sorted(names - _CHANGES):
                if before.get(name, _ABSENT) is not now.get(name, _ABSENT):
                    yield owner, name

    def accept_imported(self) -> None:
        """Takes what is replaced by something of torch's own for what was before: an import of torch's does that."""
        for owner, name in list(self.changes()):
            now = vars(owner).get(name)
            if (getattr(now, "__module__", None) or "").partition(".")[0] == "torch":
                place = self._owners.index(owner)
                self._before[place] = {**self._before[place], name: now}
                self._values[place] = tuple(vars(owner).values())

    def put_back(self) -> None:
        """Sets each of them as it was."""
        for owner, name in list(self.changes()):
            was = self._before[self._owners.index(owner)].get(name, _ABSENT)
            with contextlib.suppress(AttributeError, TypeError):
                if was is _ABSENT:
                    delattr(owner, name)
                else:
                    setattr(owner, name, was)


_ABSENT = object()


def name_of(owner: Owner) -> str:
    """As it is imported."""
    return owner.__name__ if isinstance(owner, ModuleType) else f"{owner.__module__}.{owner.__qualname__}"
