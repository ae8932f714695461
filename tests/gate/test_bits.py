"""Distances in ulps are exact, for every dtype and also across zero."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from jaccheck.gate.bits import histogram
from jaccheck.reports import LABELS

DTYPES = ("float64", "float32", "bfloat16", "float16")


def bits(values: torch.Tensor) -> np.ndarray:
    return values.contiguous().view(torch.uint8).numpy().reshape(-1)


def counts(one: torch.Tensor, other: torch.Tensor) -> dict[str, int]:
    found = histogram(bits(one), bits(other), str(one.dtype).removeprefix("torch."))
    assert sum(found) == one.numel()
    return {label: int(count) for label, count in zip(LABELS, found, strict=True) if count}


@pytest.mark.parametrize("dtype", DTYPES)
def test_steps_are_counted(dtype: str) -> None:
    """n steps to the next number are n ulps apart, also through zero and over the boundary of a binade."""
    start = torch.tensor([1.0, -2.0, 0.0, 0.5], dtype=getattr(torch, dtype))
    moved = start.clone()
    for steps in range(1, 9):
        moved = torch.nextafter(moved, torch.full_like(moved, 4.0))
        label = {1: "1", 2: "2-3", 3: "2-3", 8: "8-15"}.get(steps, "4-7")
        assert counts(start, moved) == {label: 4}, steps


@pytest.mark.parametrize("dtype", DTYPES)
def test_zeros_are_the_same_and_opposites_are_far(dtype: str) -> None:
    """+0 and -0 are 0 ulps apart; the largest number and its negative do not overflow the count."""
    kind = getattr(torch, dtype)
    assert counts(torch.tensor([0.0], dtype=kind), torch.tensor([-0.0], dtype=kind)) == {"same": 1}
    largest = torch.tensor([torch.finfo(kind).max], dtype=kind)
    assert counts(largest, -largest) == {"1024-": 1}


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_not_finite_is_counted_apart(dtype: str) -> None:
    """NaN against a number, infinity against the largest number; equal ones are the same."""
    kind = getattr(torch, dtype)
    one = torch.tensor([torch.nan, torch.inf, torch.nan, -torch.inf, torch.inf], dtype=kind)
    other = torch.tensor([1.0, torch.finfo(kind).max, torch.nan, torch.inf, torch.inf], dtype=kind)
    assert counts(one, other) == {"same": 2, "NaN, inf": 3}
