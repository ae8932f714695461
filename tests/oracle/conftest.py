"""What the tests of the oracle share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture
def balls_of_600_bits() -> Iterator[None]:
    """Digits enough to tell the side of every kink."""
    flint = pytest.importorskip("flint")
    before, flint.ctx.prec = flint.ctx.prec, 600
    yield
    flint.ctx.prec = before
