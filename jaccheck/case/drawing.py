"""Hypothesis' strategies under the name `st`, and `composite`: loaded when the first strategy is asked for.

So a layer and a family can say how they are drawn beside what they are, and whoever draws nothing need not have it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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


__all__ = ["composite", "st"]
