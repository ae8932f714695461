"""How far apart two results are, counted in units in the last place: exact for every dtype, without torch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from jaccheck.reports import LABELS

Bits = npt.NDArray[np.uint8]

_INTEGERS = {"float64": np.int64, "float32": np.int32, "bfloat16": np.int16, "float16": np.int16}
_MAGNITUDE = {"float64": 2**63 - 1, "float32": 2**31 - 1, "bfloat16": 2**15 - 1, "float16": 2**15 - 1}
_INFINITY = {"float64": 0x7FF << 52, "float32": 0xFF << 23, "bfloat16": 0xFF << 7, "float16": 0x1F << 10}
"""The bits of +∞: read as integers, finite magnitudes lie below, NaN above."""

BEGINNINGS = (0, 1, 2, 4, 8, 16, 64, 1024)
"""Where each bin of the histogram begins, in ulps; the last one has no end."""


def histogram(one: Bits, other: Bits, dtype: str) -> npt.NDArray[np.int64]:
    """How many entries differ by how many ulps, a count for each of `LABELS`; +0 and −0 are the same."""
    a, b = (bits.view(_INTEGERS[dtype]).astype(np.int64) for bits in (one, other))
    # The magnitude of a float is its bits without the sign, so these integers stand in the order of the numbers.
    size_a, size_b = a & _MAGNITUDE[dtype], b & _MAGNITUDE[dtype]
    special = ((size_a >= _INFINITY[dtype]) | (size_b >= _INFINITY[dtype])) & (a != b)
    # Between numbers of different sign lie the magnitudes of both.
    apart = np.where((a < 0) == (b < 0), np.abs(size_a - size_b), _sum_that_fits(size_a, size_b))
    counts = np.zeros(len(LABELS), np.int64)
    bins = np.searchsorted(BEGINNINGS, apart[~special], side="right") - 1
    counts[: len(BEGINNINGS)] = np.bincount(bins, minlength=len(BEGINNINGS))
    counts[-1] = np.count_nonzero(special)
    return counts


def _sum_that_fits(a: npt.NDArray[np.int64], b: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """a + b, or the largest integer there is."""
    room = np.iinfo(np.int64).max - a
    return a + np.minimum(b, room)
