"""Numbers that are known up to errors, in two ways at once: entry by entry, and by the length of the whole error.

The length, `r`, is what makes deep networks provable: a matrix W enlarges it by its norm ‖W‖₂, which is much less than
what |W| does to a vector of bounds. Either limits the other: no entry is off by more than r, and r ≤ ‖E‖₂.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from jaccheck.oracle.assumptions import Array

LAPACK = 1 + 2.0**-20
"""Eigenvalues of a symmetric matrix by LAPACK are off by less than that, of the largest: a modest multiple of n·u."""

LARGEST_MATRIX = 512
"""Side of the largest matrix whose norm is found by its eigenvalues."""


def length(values: Array) -> float:
    """The 2-norm of all entries; infinite where one is NaN."""
    return float(np.nan_to_num(np.sqrt(np.sum(np.square(values))), nan=np.inf, posinf=np.inf))


def lengths(rows: Array) -> Array:
    """The 2-norm of each row; infinite where an entry is NaN."""
    flat = flat_rows(rows)
    return np.asarray(np.nan_to_num(np.sqrt(np.einsum("ij,ij->i", flat, flat)), nan=np.inf, posinf=np.inf))


def flat_rows(rows: Array) -> Array:
    """Each row flat, also where there are no rows, or no entries in them."""
    return rows.reshape(len(rows), prod(rows.shape[1:]))


def rows_of(rows: Array, like: Array) -> Array:
    """One number for each row, shaped to be combined with `like`."""
    return rows.reshape(len(rows), *(1 for _ in like.shape[1:]))


@dataclass(frozen=True, slots=True)
class Uncertain:
    """Numbers v; no evaluation is off by more than E in any of them, and by more than r in all of them, as a 2-norm."""

    v: Array
    E: Array
    r: float
    distinct: float = np.inf
    """The same as r for the numbers that they are read from, each of which may occur more than once."""

    @property
    def d(self) -> float:
        """How long the error of those of them is that are different numbers."""
        return min(self.r, self.distinct)

    @classmethod
    def of(cls, v: Array, E: Array, r: float, distinct: float = np.inf) -> Uncertain:
        """With either error limited by the other."""
        r = min(float(np.nan_to_num(r, nan=np.inf, posinf=np.inf)), length(E))
        return cls(v, np.minimum(np.nan_to_num(E, nan=np.inf, posinf=np.inf), min(r, distinct)), r, distinct)

    @property
    def size(self) -> Array:
        """How large each of them can be."""
        return np.abs(self.v) + self.E


def norm(matrices: Array) -> float:
    """An upper bound of the 2-norm of each of some matrices `(batch, rows, columns)`."""
    if not matrices.size:
        return 0.0
    if not np.isfinite(matrices).all():
        return np.inf
    size = np.abs(matrices)
    by_sums = np.sqrt(size.sum(axis=2).max(axis=1) * size.sum(axis=1).max(axis=1))
    bound = np.minimum(by_sums, np.sqrt(np.square(size).sum(axis=(1, 2))))
    if min(matrices.shape[1:]) > 1 and min(matrices.shape[1:]) <= LARGEST_MATRIX:
        turned = np.swapaxes(matrices, 1, 2)
        gram = matrices @ turned if matrices.shape[1] <= matrices.shape[2] else turned @ matrices
        # What the products in the Gram matrix round is far below LAPACK's allowance of the largest eigenvalue.
        bound = np.minimum(bound, np.sqrt(np.maximum(np.linalg.eigvalsh(gram)[:, -1], 0)) * LAPACK)
    return float(bound.max())


MOST_FREQUENCIES = 2**22
"""Numbers in all of the matrices by whose norms that of a convolution is bounded."""


def convolution_norm(matrices: Array, kernel: Sequence[int], dilation: Sequence[int], lengths: Sequence[int]) -> float:
    """An upper bound of the 2-norm of a convolution of `lengths` by matrices `(groups, channels·kernel, outputs)`.

    A convolution padded with zeros, whatever its stride, is a part of the circular one on lengths + dilation·(kernel −
    1), which the Fourier transform splits into one matrix for each frequency. Of large ones the Schatten norm of order
    8 is taken, which is at least the 2-norm. Infinite where there are too many.
    """
    groups, K, outputs = matrices.shape
    channels, axes = K // prod(kernel), tuple(range(2, 2 + len(kernel)))
    sizes = [n + d * (k - 1) for n, d, k in zip(lengths, dilation, kernel, strict=True)]
    if prod(sizes) * groups * channels * outputs > MOST_FREQUENCIES or not np.isfinite(matrices).all():
        return np.inf
    w = matrices.reshape(groups, channels, *kernel, outputs)
    wide = np.zeros((groups, channels, *(d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)), outputs))
    wide[(slice(None), slice(None), *(slice(None, None, d) for d in dilation))] = w
    found = np.moveaxis(np.fft.rfftn(wide, s=sizes, axes=axes), 1, -2).reshape(-1, channels, outputs)
    if min(channels, outputs) == 1:
        return float(np.sqrt(np.square(np.abs(found)).sum(axis=(1, 2)).max())) * LAPACK
    turned = np.conj(np.swapaxes(found, 1, 2))
    gram = found @ turned if channels <= outputs else turned @ found
    if len(gram) * gram.shape[1] ** 3 <= 2**24:
        return float(np.sqrt(np.maximum(np.linalg.eigvalsh(gram)[:, -1].max(), 0))) * LAPACK
    fourth = np.square(np.abs(gram @ gram)).sum(axis=(1, 2))
    return float(fourth.max() ** (1 / 8)) * LAPACK
