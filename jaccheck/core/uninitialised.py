"""Memory that nobody has written: filled with one pattern, so that whoever reads it is seen every time, not by chance.

glibc fills what it hands out and what is given back when it is asked to (`mallopt(M_PERTURB)`, the same as the variable
MALLOC_PERTURB_ from outside; see mallopt(3)). Elsewhere, and on a GPU, nothing is filled.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import struct
from collections.abc import Iterator

_M_PERTURB = -6
_GIVEN_BACK = 0x01
"""What is filled in where memory is given back; handed out it gets the complement, 0xFE in each byte."""

PATTERNS = frozenset(
    {
        struct.unpack("<d", b"\xfe" * 8)[0],
        struct.unpack("<f", b"\xfe" * 4)[0],
        struct.unpack("<f", b"\0\0\xfe\xfe")[0],
    }
)
"""What memory that nobody has written reads as in float64, float32 and bfloat16; in float16 it is NaN."""

_depth = 0


@contextlib.contextmanager
def filled() -> Iterator[None]:
    """Within it memory comes filled with one pattern, where the C library can do that."""
    global _depth
    _depth += 1
    if _depth == 1:
        _fill_with(_GIVEN_BACK)
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
