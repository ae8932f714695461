"""What is loaded is kept out of collections; what is made later is collected, and nothing is kept out for ever."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from jaccheck.core import kept_out, loading


class _Circle:
    def __init__(self) -> None:
        self.own = self


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Nothing kept out before and after."""
    gc.unfreeze()
    yield
    gc.unfreeze()


def is_collected(circle: weakref.ref[_Circle]) -> bool:
    gc.collect()
    return circle() is None


@pytest.mark.parametrize("context", [loading, kept_out])
def test_what_is_made_later_is_collected(context) -> None:  # type: ignore[no-untyped-def]
    """After it, and in it where the collector is on."""
    with context():
        circle = weakref.ref(_Circle())
        assert gc.isenabled() is (context is kept_out)
        assert context is loading or is_collected(circle)
    assert gc.isenabled()
    circle = weakref.ref(_Circle())
    assert is_collected(circle)


def test_only_what_was_loaded_is_kept_out_for_good() -> None:
    """One context in another changes nothing, and what was there before the outer one is collected after it."""
    with kept_out():
        held = gc.get_freeze_count()
        later = [[number] for number in range(10_000)]  # a frozen object may be freed meanwhile, and count no more
        with kept_out():
            assert held - len(later) < gc.get_freeze_count() <= held
        assert held - len(later) < gc.get_freeze_count() <= held
        circle = weakref.ref(_Circle())
    assert not gc.get_freeze_count()
    assert is_collected(circle)
    with loading():
        pass
    loaded = gc.get_freeze_count()
    assert loaded
    with kept_out():
        pass
    assert loaded - len(later) < gc.get_freeze_count() <= loaded
