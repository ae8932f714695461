"""The arithmetic that a bound is proven for, and what is assumed of it.

Assumed of every method: each elementary operation in the case's dtype rounds with relative error at most u, or with
absolute error at most η where it underflows (so flushing subnormals to zero is allowed); sums and products may come
in any order, with or without fused multiply-add, and may accumulate in a wider format; library functions (exp, expm1,
log1p, tanh) are within `LIBRARY_ULPS`. Not covered: TF32 and other formats coarser than the dtype says, Winograd
convolutions, compilers that reassociate with division (fast-math).

With n roundings in a row an error is at most γ_n = nu/(1 − nu) (Higham, Accuracy and Stability of Numerical
Algorithms, section 3.1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

LIBRARY_ULPS = 4
"""Units in the last place: SLEEF and MKL promise 1, CUDA 2, the sigmoid is built from one exp and two roundings."""


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Rounding of a dtype, with that of the float64 reference added: `u`, `eta`, and the largest finite number."""

    u: float
    eta: float
    largest: float
    precision_bits: int
    smallest_exponent: int

    def gamma(self, roundings: int) -> float:
        """γ_n, the relative error that n roundings in a row can add up to; infinite where nu reaches 1."""
        nu = roundings * self.u
        return nu / (1 - nu) if nu < 1 else np.inf

    @property
    def library(self) -> float:
        """Relative error of a library function."""
        return 2 * LIBRARY_ULPS * self.u


_PRECISION = {
    "float64": (53, -1022, 1024),
    "float32": (24, -126, 128),
    "bfloat16": (8, -126, 128),
    "float16": (11, -14, 16),
}


def arithmetic(dtype: str, *, smallest_seed: float = 1.0) -> Arithmetic:
    """The arithmetic of `dtype`; results that were computed scaled by as little as `smallest_seed` underflow sooner."""
    bits, smallest, largest = _PRECISION[dtype]
    return Arithmetic(
        u=2.0**-bits + 2.0**-53,
        eta=(2.0**smallest + 2.0**-1022) / min(1.0, smallest_seed),
        largest=(2 - 2.0 ** (1 - bits)) * 2.0 ** (largest - 1),
        precision_bits=bits,
        smallest_exponent=smallest - bits + 1,
    )
