"""Uninitialised memory, filled with one pattern, so that a method that reads it fails every time, not by chance.

glibc can fill memory when it is allocated and when it is freed (`mallopt(M_PERTURB)`, the same as the environment
variable MALLOC_PERTURB_; see mallopt(3)). With another C library, and on a GPU, nothing is filled.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import struct
from collections.abc import Iterator

_M_PERTURB = -6
_FREED = 0x01
"""The byte that freed memory is filled with; allocated memory is filled with its complement, 0xFE."""

PATTERNS = frozenset(
    {
        struct.unpack("<d", b"\xfe" * 8)[0],
        struct.unpack("<f", b"\xfe" * 4)[0],
        struct.unpack("<f", b"\0\0\xfe\xfe")[0],
    }
)
"""What uninitialised memory reads as in float64, float32 and bfloat16; in float16 it is NaN."""

_depth = 0


@contextlib.contextmanager
def filled() -> Iterator[None]:
    """Fills allocated memory with one pattern while it is open, where the C library can do that."""
    global _depth
    _depth += 1
    if _depth == 1:
        _fill_with(_FREED)
    try:
        yield
    finally:
        _depth -= 1
        if not _depth:
            _fill_with(_from_outside())


def _fill_with(byte: int) -> None:
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).mallopt(_M_PERTURB, byte)


def _from_outside() -> int:
    try:
        return int(os.environ.get("MALLOC_PERTURB_", "0"), 0)
    except ValueError:
        return 0
