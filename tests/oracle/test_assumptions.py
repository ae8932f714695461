"""What is assumed of the arithmetic of a dtype."""

from __future__ import annotations

import pytest
import torch
from jaccheck_support.measured_arithmetic import FUNCTIONS, habits, measured

from jaccheck.case import DTYPES
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


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_cpus_arithmetic_is_as_assumed(dtype: str) -> None:
    """Of each operation the largest error is within what bounds count for it; subnormal numbers are read."""
    assert not [str(each) for each in measured("cpu", dtype) if not each.is_within]
    assert habits("cpu", dtype)["a subnormal input"] == "kept"


def test_arithmetic_that_is_coarser_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exp of half the digits, and a product of matrices that passes through bfloat16, as TF32 does."""
    monkeypatch.setitem(FUNCTIONS, "exp", (lambda x: torch.exp(x) * (1 + 2.0**-19), FUNCTIONS["exp"][1]))
    monkeypatch.setattr(torch.Tensor, "__matmul__", lambda a, b: torch.mm(a.bfloat16(), b.bfloat16()).float())
    outside = {each.name for each in measured("cpu", "float32") if not each.is_within}
    assert outside == {"exp", "matrix product over 256"}
