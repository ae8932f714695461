"""`Imported`: the modules that have been imported, as `sys.modules` holds them, and the way back."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import islice
from types import ModuleType

_HELD = sys.modules
"""What Python itself looks into, also where somebody has given `sys` another one."""

_WATCHED = frozenset(sys.stdlib_module_names) - {"distutils"} | {"torch", "numpy", "jaccheck"}
"""Packages of which no module may go away, or become another one. setuptools takes `distutils` away by itself."""


class Imported:
    """The modules that are there. What is imported later may come and go."""

    def __init__(self) -> None:
        self._before: dict[str, ModuleType] = {}
        self._values: list[object] = []
        self._keep()

    def _keep(self) -> None:
        self._before = dict(_HELD)
        self._values = [*self._before.values()]

    def are_as_before(self) -> bool:
        """Whether nothing was replaced or taken away; quick, and no where it cannot be told."""
        try:
            # New ones stand behind those that were there. Lists look first whether two values are one object.
            return sys.modules is _HELD and self._values == [*islice(_HELD.values(), len(self._values))]
        except Exception:
            return False

    def changes(self) -> Iterator[str]:
        """The name of each module that is gone, or is another one now."""
        for name, module in self._before.items():
            if name.partition(".")[0] in _WATCHED and sys.modules.get(name) is not module:
                yield name

    def put_back(self) -> None:
        """Makes each of them the one that it was."""
        if self.are_as_before():
            return
        sys.modules = _HELD
        for name in list(self.changes()):
            _HELD[name] = self._before[name]
        self._keep()  # in their new order, so that the next look is quick again
