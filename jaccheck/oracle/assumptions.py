"""The arithmetic that a bound is proven for, and what is assumed of it.

Assumed of every method: each elementary operation in the case's dtype rounds with relative error at most u, or with
absolute error at most η where it underflows (so flushing a subnormal result to zero is allowed, reading a subnormal
weight or input as zero is not); sums and products may come in any order, with or without fused multiply-add, and may
accumulate in a wider format; library functions (exp, expm1, log1p, tanh) are within `LIBRARY_ULPS`, erf within as
many of one, and a sigmoid is one exp and two roundings. Not covered: TF32 and other formats coarser than the dtype
says, Winograd convolutions, compilers that reassociate with division or take approximate functions (fast-math).

With n roundings in a row an error is at most γ_n = nu/(1 − nu) (Higham, Accuracy and Stability of Numerical
Algorithms, section 3.1). Bounds are proven around the float64 reference, not around the truth: both are off, the
reference by its own u = 2⁻⁵³, and since every bound is a convex function of u that is 0 at 0, the bound for the sum
of both units is at least the sum of both bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, frexp, ldexp, log2, sqrt

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

LIBRARY_ULPS = 4
"""Units in the last place: SLEEF, MKL and the C library promise 1, CUDA 2, numpy (for the reference) less than 4."""

LARGEST_COTANGENT = sqrt(2)
"""The largest number that a method scales its whole backward pass by (the loss ‖f‖² of SqrtGGN)."""


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Rounding of a dtype, with that of the float64 reference added: `u`, `eta`, and the largest finite number."""

    u: float
    eta: float
    largest: float
    precision_bits: int
    smallest_exponent: int
    """Every multiple of two to this power that is small enough is a number of the dtype, also when scaled."""

    def gamma(self, roundings: int) -> float:
        """γ_n, the relative error that n roundings in a row can add up to; infinite where nu reaches 1."""
        nu = roundings * self.u
        return nu / (1 - nu) if nu < 1 else np.inf

    def keeps(self, constant: float) -> bool:
        """Whether a constant is a number of the dtype."""
        is_whole = ldexp(frexp(constant)[0], self.precision_bits) % 1 == 0
        return constant == 0 or (is_whole and self.eta <= abs(constant) <= self.largest)

    def library(self, calls: int = 1, roundings: int = 0) -> float:
        """Relative error of so many library functions and further roundings in a row; an ulp is up to two of them."""
        return self.gamma(2 * LIBRARY_ULPS * calls + roundings)


_PRECISION = {
    "float64": (53, -1022, 1024),
    "float32": (24, -126, 128),
    "bfloat16": (8, -126, 128),
    "float16": (11, -14, 16),
}


def arithmetic(dtype: str, *, smallest_cotangent: float = 1.0) -> Arithmetic:
    """The arithmetic of `dtype`; results that are computed scaled by `smallest_cotangent` underflow sooner."""
    bits, smallest, largest = _PRECISION[dtype]
    cotangent = min(1.0, smallest_cotangent)
    return Arithmetic(
        u=2.0**-bits + 2.0**-53,
        eta=(2.0**smallest + 2.0**-1022) / cotangent,
        largest=(2 - 2.0 ** (1 - bits)) * 2.0 ** (largest - 1) / LARGEST_COTANGENT,
        precision_bits=bits,
        smallest_exponent=_smallest_kept_exactly(dtype, smallest, bits) + ceil(-log2(cotangent)),
    )


def _smallest_kept_exactly(dtype: str, smallest_normal: int, bits: int) -> int:
    """Subnormal numbers of float16 are kept by all hardware; those of wider formats may be flushed (AMX, for one)."""
    return smallest_normal - bits + 1 if dtype == "float16" else smallest_normal
