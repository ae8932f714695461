"""Confidence limits of a share."""

from __future__ import annotations

from scipy.stats import binomtest

CONFIDENCE = 0.95


def limits(count: int, of: int) -> tuple[float, float]:
    """One-sided limits of a share, each at 95 % (Clopper and Pearson); nothing is known of a share of nothing."""
    if not of:
        return 0.0, 1.0
    lower = binomtest(count, of, alternative="greater").proportion_ci(CONFIDENCE, method="exact").low
    upper = binomtest(count, of, alternative="less").proportion_ci(CONFIDENCE, method="exact").high
    return float(lower), float(upper)
