"""What the collector of garbage need not look through: a loaded torch is so many objects that it takes a fifth of a
second each time.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """For imports at the start of a process: nothing is collected meanwhile, and what was loaded is kept out for good.

    Collections take an eighth of the time in which torch is imported, and find nothing.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


@contextmanager
def kept_out() -> Iterator[None]:
    """What exists already is kept out of collections in it.

    Where something is kept out already, as what `loading` has loaded, it stays at that: what one context in another
    kept out beside it could not be let in again alone.
    """
    is_outermost = not gc.get_freeze_count()
    if is_outermost:
        gc.freeze()
    try:
        yield
    finally:
        if is_outermost:
            gc.unfreeze()
