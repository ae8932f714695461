"""What is assumed of the arithmetic of a dtype."""

from __future__ import annotations

import pytest

from jaccheck.oracle import arithmetic


@pytest.mark.parametrize("sign", [1, -1])
def test_a_constant_is_kept_where_it_is_a_number_of_the_dtype(sign: int) -> None:
    """In bfloat16, whose numbers have eight bits: no subnormal ones, and none above the largest."""
    ar = arithmetic("bfloat16")
    assert ar.keeps(0.0)
    for kept in (1.0, 0.375, 255.0, 1 + 2.0**-7, 2.0**-125, 2.0**100):
        assert ar.keeps(sign * kept)
    for rounded in (0.1, 257.0, 1 + 2.0**-8, 2.0**-127, 2.0**128):
        assert not ar.keeps(sign * rounded)
