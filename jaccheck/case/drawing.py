"""Hypothesis' strategies under the name `st`, and `composite`: loaded when the first strategy is asked for.

So a layer and a family can say how they are drawn beside what they are, and whoever draws nothing need not have it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hypothesis import strategies as st
    from hypothesis.strategies import composite
else:
    from functools import cache, wraps

    class _Strategies:
        def __getattr__(self, name):
            from hypothesis import strategies

            found = self.__dict__[name] = getattr(strategies, name)
            return found

    st = _Strategies()

    def composite(function):
        """As Hypothesis' own, which is called once, when the first strategy is asked for."""
        made = cache(lambda: st.composite(function))

        @wraps(function)
        def strategy(*args, **options):
            return made()(*args, **options)

        return strategy


def register(kind: type) -> None:
    """Has `st.from_type(Case)` draw what `cases()` does, where Hypothesis is loaded; else its own import does it."""
    if "hypothesis.strategies" in sys.modules:
        from hypothesis import strategies

        def drawn(_: type) -> Any:
            from jaccheck.case.strategies import cases

            return cases()

        strategies.register_type_strategy(kind, drawn)  # a strategy would be looked at here, while this is imported


def register_cases() -> None:
    """What Hypothesis calls at its own import, by the entry point `hypothesis`; loads nothing."""
    if module := sys.modules.get("jaccheck.case.case"):
        register(module.Case)


__all__ = ["composite", "register", "register_cases", "st"]
