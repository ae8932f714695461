"""`LIBRARIES`: settings of Python's interpreter and standard library, and of numpy, that hold for the whole process."""

from __future__ import annotations

import contextlib
import ctypes
import decimal
import logging
import os
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaccheck.judging.laws.aspects import Aspect

_CONTEXT = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp")


def context() -> tuple[object, ...]:
    """How decimal numbers are rounded, and what raises there; not what has been raised so far."""
    now = decimal.getcontext()
    return *(getattr(now, name) for name in _CONTEXT), *now.traps.values()


def _put_context(was: Sequence[Any]) -> None:
    now = decimal.getcontext()
    for name, value in zip(_CONTEXT, was, strict=False):
        setattr(now, name, value)
    for signal, value in zip(list(now.traps), was[len(_CONTEXT) :], strict=True):
        now.traps[signal] = value


def temporary() -> object:
    """The folder of temporary files; finding one for the first time is no change."""
    if tempfile.tempdir is None:
        with contextlib.suppress(OSError):
            return tempfile.gettempdir()
    return tempfile.tempdir


def waiting() -> list[bool | None]:
    """Of each standard file whether writing to it waits where it is full; None of one that is closed."""
    return [_waits(descriptor) for descriptor in range(3)]


def _waits(descriptor: int) -> bool | None:
    try:
        return os.get_blocking(descriptor)
    except OSError:
        return None


def _put_waiting(was: Sequence[bool | None]) -> None:
    for descriptor, waits in enumerate(was):
        if waits is not None and _waits(descriptor) not in (waits, None):
            os.set_blocking(descriptor, waits)


def _put_numpy(was: Sequence[Any]) -> None:
    np.seterr(**was[0])
    np.seterrcall(was[1])
    np.setbufsize(was[2])


def _put_printing(was: Mapping[str, Any]) -> None:
    np.set_printoptions(**was)


def _put_logging(was: Sequence[Any]) -> None:
    logging.root.setLevel(was[0])
    logging.disable(was[1])
    logging.raiseExceptions = was[2]


def _put_interpreter(was: Sequence[Any]) -> None:
    interval, sys.dont_write_bytecode, arguments, is_tracing, *digits = was
    sys.setswitchinterval(interval)
    sys.argv[:] = arguments
    if not is_tracing:
        tracemalloc.stop()
    for most in digits:
        sys.set_int_max_str_digits(most)


def _put_importers(was: Sequence[Any]) -> None:
    sys.meta_path[:], sys.path_hooks[:] = was


def _put_traps(was: int) -> None:
    library = ctypes.CDLL("libm.so.6")
    library.fedisableexcept(~was & _ALL_TRAPS)
    library.feenableexcept(was)


_ALL_TRAPS = 0x3D
"""FE_ALL_EXCEPT of x86; on other processors the bits that it does not have are ignored."""

_INTERPRETER = "sys.getswitchinterval(), sys.dont_write_bytecode, list(sys.argv), tracemalloc.is_tracing()"

try:
    _traps: Any = ctypes.CDLL("libm.so.6").fegetexcept
except (OSError, AttributeError):  # another C library
    _traps = None

LIBRARIES = (
    Aspect(
        name="error state of numpy",
        read=("(numpy.geterr(), numpy.geterrcall(), numpy.getbufsize())",),
        put_back=_put_numpy,
    ),
    Aspect(name="printing of arrays", read=("numpy.get_printoptions()",), put_back=_put_printing),
    Aspect(name="context of decimal", read=("context()",), put_back=_put_context, shown="decimal.getcontext().copy()"),
    Aspect(
        name="logging",
        read=("(logging.root.level, logging.root.manager.disable, logging.raiseExceptions)",),
        put_back=_put_logging,
    ),
    Aspect(
        name="settings of the interpreter",
        read=(f"({_INTERPRETER}, sys.get_int_max_str_digits())", f"({_INTERPRETER})"),
        put_back=_put_interpreter,
    ),
    Aspect(name="importers", read=("(list(sys.meta_path), list(sys.path_hooks))",), put_back=_put_importers),
    Aspect(
        name="folder of temporary files",
        read=("temporary()",),
        put_back=lambda was: setattr(tempfile, "tempdir", was),
        shown="tempfile.gettempdir()",
    ),
    Aspect(name="time zone", read=("time.tzname",), put_back=lambda was: time.tzset()),
    Aspect(
        name="floating-point traps",
        read=("traps()",),
        put_back=_put_traps,
        shown="ctypes.CDLL('libm.so.6').fegetexcept()",
    ),
    Aspect(
        name="waiting for standard files",
        read=("waiting()",),
        put_back=_put_waiting,
        shown="[os.get_blocking(each) for each in range(3)]",
    ),
)

NAMES: dict[str, Any] = {
    **{module.__name__: module for module in (decimal, logging, tempfile, time, tracemalloc)},
    "context": context,
    "temporary": temporary,
    "waiting": waiting,
    "traps": _traps,
}
"""What the expressions use, beside what those of the process use."""
