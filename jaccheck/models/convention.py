"""In words: a factor of the reduction that is in per-sample gradients and should not be, or is not and should."""

from __future__ import annotations

import numpy as np

from jaccheck.judging import Expectation, compare_values
from jaccheck.methods import Returns
from jaccheck.oracle import Array


def mistaken(own: Array, expectation: Expectation, returns: Returns, by: float, N: int) -> str:
    """What was taken for what, where numbers that should be each sample's own gradients are off by a known factor.

    `by` is the divisor of the reduction; empty where they are wrong in another way.
    """
    what = {"own": "each sample's own gradient", "share": "each sample's share in the loss as it is reduced"}
    factors: dict[float, str] = {}
    if returns == "own":
        factors[by] = f"{by:g} times too small: {what['share']}, declared as {what['own']}"
    else:
        factors[1 / by] = f"{by:g} times too large: {what['own']}, declared as {what['share']}"
        factors[by] = f"{by:g} times too small: the factor of the reduction, 1/{by:g}, is in it twice"
        factors.setdefault(N / by, f"a share in a mean over {N} samples, where this reduction divides by {by:g}")
    factors.setdefault(N, f"{N} times too small: divided by the number of samples, which this is not")
    factors.setdefault(1 / N, f"{N} times too large: multiplied by the number of samples")
    for factor, words in factors.items():
        if factor != 1 and np.isfinite(factor) and not compare_values(own * factor, expectation):
            return words
    return ""
