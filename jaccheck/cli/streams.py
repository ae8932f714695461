"""Standard output and standard error that never fail: what cannot be written changes no result and no exit code."""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from contextlib import suppress
from typing import Any, TextIO

STANDARD = 0, 1, 2


class _Patient(io.RawIOBase):
    """A file by its descriptor. What it does not take any more, since the disk is full or the reader gone, is lost."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.lost: OSError | None = None

    def fileno(self) -> int:
        """Its descriptor."""
        return self._descriptor

    def writable(self) -> bool:
        """Always."""
        return True

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return os.isatty(self._descriptor)

    def write(self, data: Any, /) -> int:
        """How many bytes were taken."""
        while self.lost is None:
            try:
                return os.write(self._descriptor, data)
            except BlockingIOError:  # somebody who shares it wants no waiting
                select.select([], [self._descriptor], [])
            except OSError as error:
                self.lost = error
        return memoryview(data).nbytes


def make_patient() -> None:
    """Has this process print through streams that do not fail; letters that they do not have are written out.

    Where one of the three descriptors is closed, it is opened to nowhere: the next file would get its number, and all
    that is printed.
    """
    for descriptor in STANDARD:
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    sys.stdout, sys.stderr = _patient(sys.stdout, 1), _patient(sys.stderr, 2)


def _patient(stream: TextIO | None, descriptor: int) -> TextIO:
    """A stream in place of this one."""
    if stream is not None:
        with suppress(OSError):
            stream.flush()
    raw = _Patient(descriptor)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding if stream else "utf-8",
        errors="backslashreplace",
        line_buffering=raw.isatty() or descriptor == 2,
    )


def what_was_lost() -> str:
    """Why standard output was not written to its end, in words; empty where it was, or where its reader has enough."""
    with suppress(ValueError):
        sys.stdout.flush()
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    lost = raw.lost if isinstance(raw, _Patient) else None
    return "" if lost is None or lost.errno == errno.EPIPE else lost.strerror or str(lost)
