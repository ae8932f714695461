"""`PROCESS`: what belongs to the whole process: signals, timers, limits, files, threads, children, and the like."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import contextlib
import ctypes
import gc
import locale
import os
import signal
import sys
import threading
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from jaccheck.core import STRAY, children
from jaccheck.judging.laws.aspects import Aspect, Aspects, Observed
from jaccheck.judging.laws.library_state import LIBRARIES, NAMES
from jaccheck.judging.laws.torch_switches import OF_IMPORTS, operators

resource: Any
try:
    import resource
except ModuleNotFoundError:  # not on Windows
    resource = None

# Windows has few signals, and no SIGCHLD.
_NOT_TAKEN = {getattr(signal, name) for name in ("SIGKILL", "SIGSTOP") if hasattr(signal, name)}
_SIGNALS = tuple(sorted(int(each) for each in signal.valid_signals() - _NOT_TAKEN))
_CHILD = _SIGNALS.index(signal.SIGCHLD) if hasattr(signal, "SIGCHLD") else None
_LIMITS = (
    ()
    if resource is None
    else tuple(sorted({value for name, value in vars(resource).items() if name.startswith("RLIMIT_")}))
)
_TIMERS = tuple(
    getattr(signal, name) for name in ("ITIMER_REAL", "ITIMER_VIRTUAL", "ITIMER_PROF") if hasattr(signal, name)
)
_TO_NEAREST = 0
"""FE_TONEAREST of every processor that torch runs on."""

_OF_ONE_THREAD = 2
"""Functions that trace one thread: of steps and of calls."""

COLLECTOR = "garbage collector"

BY_IMPORTS = frozenset(
    {
        *("environment", "warning filters", "open descriptors", "import path", "importers"),
        *(aspect.name for aspect in OF_IMPORTS),
    }
)
"""What the first import of a package may change for good; it is no method's doing."""


def by_imports(before: Observed, now: Observed) -> Observed:
    """What an import has changed, as it is now; a variable of the environment that is gone no import takes away."""
    return {
        name: value
        for name, value in now.items()
        if name in BY_IMPORTS and not (isinstance(value, dict) and _all_of(before.get(name)) - value.keys())
    }


def _all_of(variables: object) -> set[object]:
    return set(variables) if isinstance(variables, dict) else set()


def _has_children(*, ended: bool) -> bool:
    """Whether there are processes below this one, or some that have ended and were not waited for."""
    try:
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return found is not None or not ended


def _live_children() -> frozenset[int]:
    """The processes below this one that run, but for those that multiprocessing keeps for as long as it lives."""
    if not _has_children(ended=False):
        return frozenset()
    return frozenset(pid for pid in children(os.getpid()) if not _has_ended(pid)) - _keepers()


def _strays() -> frozenset[int]:
    """Forks of this process that have come back from foreign code, and were ended for that."""
    if not _has_children(ended=True):
        return frozenset()
    return frozenset(pid for pid in children(os.getpid()) if _exit_code(pid) == STRAY)


def _exit_code(pid: int) -> int | None:
    try:
        ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    return ended.si_status if ended is not None and ended.si_code == os.CLD_EXITED else None


def _put_strays(was: frozenset[int]) -> None:
    for pid in _strays() - was:
        os.waitpid(pid, os.WNOHANG)


def _keepers() -> set[int | None]:
    tracker, server = map(sys.modules.get, ("multiprocessing.resource_tracker", "multiprocessing.forkserver"))
    return {
        getattr(getattr(tracker, "_resource_tracker", None), "_pid", None),
        getattr(getattr(server, "_forkserver", None), "_forkserver_pid", None),
    }


def _has_ended(pid: int) -> bool:
    """Whoever started it has still to wait for it, or never will."""
    with contextlib.suppress(OSError, IndexError), open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] == "Z"
    return False


def _descriptors() -> frozenset[int]:
    """The files that are open, but for those of multiprocessing's own."""
    tracker, server = map(sys.modules.get, ("multiprocessing.resource_tracker", "multiprocessing.forkserver"))
    kept: set[int | None] = {
        getattr(getattr(tracker, "_resource_tracker", None), "_fd", None),
        getattr(getattr(server, "_forkserver", None), "_forkserver_alive_fd", None),
    }
    place = os.open("/proc/self/fd", os.O_RDONLY | os.O_DIRECTORY)
    try:
        found = frozenset(map(int, os.listdir(place))) - {place}
    finally:
        os.close(place)
    return found.difference(kept)


def _identity(descriptor: int) -> object:
    try:
        found = os.fstat(descriptor)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _put_environment(was: Mapping[bytes, bytes]) -> None:
    now = os.environb
    for name in set(now) - set(was):
        del now[name]
    for name, value in was.items():
        if now.get(name) != value:
            now[name] = value


def _handlers() -> list[Any]:
    """Of each signal; torch's data loaders set one for the rest of the process, which counts as none."""
    found = [_signal.getsignal(each) for each in _SIGNALS]
    if _CHILD is not None and getattr(found[_CHILD], "__module__", "") == "torch.utils.data._utils.signal_handling":
        found[_CHILD] = signal.SIG_DFL
    return found


def _put_handlers(was: Sequence[Any]) -> None:
    for number, before, now in zip(_SIGNALS, was, _handlers(), strict=True):
        if before is not None and before != now:
            signal.signal(number, before)


def _put_timers(was: Sequence[bool]) -> None:
    for timer, is_set in zip(_TIMERS, was, strict=True):
        if not is_set:
            signal.setitimer(timer, 0.0)


def _put_limits(was: Sequence[tuple[int, int]]) -> None:
    for limit, (soft, hard) in zip(_LIMITS, was, strict=True):
        if resource.getrlimit(limit) != (soft, hard):
            resource.setrlimit(limit, (soft, resource.getrlimit(limit)[1]))


def _put_filters(was: Sequence[Any]) -> None:
    warnings.filters[:] = was  # type: ignore[index]
    with warnings.catch_warnings():  # entering it tells the interpreter that they have changed
        pass


def _put_arithmetic(was: Sequence[Any]) -> None:
    ctypes.CDLL(None).fesetround(_TO_NEAREST)
    torch.set_flush_denormal(not was[0])


def _put_streams(was: Sequence[Any]) -> None:
    sys.stdin, sys.stdout, sys.stderr = was


def _put_traces(was: Sequence[Any]) -> None:
    sys.settrace(was[0])
    sys.setprofile(was[1])
    if len(was) > _OF_ONE_THREAD:
        threading.settrace(was[2])
        threading.setprofile(was[3])


def collector() -> tuple[Any, ...]:
    """Whether the garbage collector is on, and its settings."""
    return gc.isenabled(), gc.get_debug(), tuple(gc.callbacks), *gc.get_threshold()


def _put_collector(was: Sequence[Any]) -> None:
    (gc.enable if was[0] else gc.disable)()
    gc.set_debug(was[1])
    gc.callbacks[:] = was[2]
    gc.set_threshold(*was[3:])


def _put_hooks(was: Sequence[Any]) -> None:
    sys.excepthook, sys.unraisablehook, threading.excepthook = was


_CHILDREN = "open(f'/proc/self/task/{os.getpid()}/children').read().split()"

PROCESS = Aspects(
    (
        Aspect(
            name="floating-point environment",
            read=("(sum((2.5e-308, -2.3e-308)) > 0.0, sum((1.0, 2.0**-60)), sum((-1.0, -(2.0**-60))))",),
            put_back=_put_arithmetic,
        ),
        Aspect(name="warning filters", read=("list(warnings.filters)",), put_back=_put_filters),
        Aspect(
            name="working directory",
            # A folder that is gone, by whosever doing, is the same folder.
            read=("os.readlink('/proc/self/cwd').removesuffix(' (deleted)')", "os.getcwd()"),
            put_back=os.chdir,
        ),
        Aspect(name="umask", read=("[(old, os.umask(old)) for old in [os.umask(0o77)]][0][0]",), put_back=os.umask),
        Aspect(
            name="environment", read=("dict(os.environ._data)",), put_back=_put_environment, shown="dict(os.environ)"
        ),
        Aspect(
            name="locale",
            read=("locale.setlocale(locale.LC_ALL)",),
            put_back=lambda was: locale.setlocale(locale.LC_ALL, was),
        ),
        Aspect(
            name="signal handlers",
            read=("handlers()",),
            put_back=_put_handlers,
            shown="[signal.getsignal(each) for each in sorted(signal.valid_signals() - {9, 19})]",
        ),
        Aspect(
            name="signal mask",
            read=("mask(signal.SIG_BLOCK, ())",),
            put_back=lambda was: signal.pthread_sigmask(signal.SIG_SETMASK, was),
            shown="signal.pthread_sigmask(signal.SIG_BLOCK, ())",
        ),
        Aspect(
            name="timers",
            read=("[signal.getitimer(each) != (0.0, 0.0) for each in TIMERS]",),
            put_back=_put_timers,
            shown=f"[signal.getitimer(each) != (0.0, 0.0) for each in {tuple(map(int, _TIMERS))}]",
        ),
        Aspect(
            name="resource limits",
            read=("[resource.getrlimit(each) for each in LIMITS]",),
            put_back=_put_limits,
            shown=f"[resource.getrlimit(each) for each in {_LIMITS}]",
        ),
        Aspect(
            name="processor affinity",
            read=("os.sched_getaffinity(0)",),
            put_back=lambda was: os.sched_setaffinity(0, was),
        ),
        Aspect(name="recursion limit", read=("sys.getrecursionlimit()",), put_back=sys.setrecursionlimit),
        Aspect(
            name="trace function",
            read=(
                "(sys.gettrace(), sys.getprofile(), threading._trace_hook, threading._profile_hook)",
                "(sys.gettrace(), sys.getprofile())",
            ),
            put_back=_put_traces,
        ),
        Aspect(
            name=COLLECTOR,
            read=("collector()",),
            put_back=_put_collector,
            shown="(gc.isenabled(), gc.get_debug(), *gc.get_threshold(), *gc.callbacks)",
        ),
        Aspect(
            name="standard streams",
            read=("(sys.stdin, sys.stdout, sys.stderr)",),
            put_back=_put_streams,
        ),
        Aspect(
            name="exception hooks",
            read=("(sys.excepthook, sys.unraisablehook, threading.excepthook)",),
            put_back=_put_hooks,
        ),
        Aspect(
            name="import path", read=("list(sys.path)",), put_back=lambda was: sys.path.__setitem__(slice(None), was)
        ),
        Aspect(name="threads", read=("frozenset(threading._active)",), shown="threading.enumerate()"),
        Aspect(name="forks that came back", read=("strays()",), put_back=_put_strays, shown=_CHILDREN),
        Aspect(name="child processes", read=("live_children()",), shown=_CHILDREN),
        Aspect(
            name="standard files",
            read=("[identity(each) for each in range(3)]",),
            shown="[os.fstat(each).st_ino for each in range(3)]",
        ),
        Aspect(name="open descriptors", read=("descriptors()",), shown="os.listdir('/proc/self/fd')"),
        *OF_IMPORTS,
        *LIBRARIES,  # the time zone after the environment, which says it
    ),
    {
        **NAMES,
        "torch": torch,
        "operators": operators,
        **{module.__name__: module for module in (gc, locale, os, signal, sys, threading, warnings)},
        "resource": resource,
        "numpy": np,
        "TIMERS": _TIMERS,
        "LIMITS": _LIMITS,
        "collector": collector,
        "handlers": _handlers,
        "mask": getattr(_signal, "pthread_sigmask", None),
        "live_children": _live_children,
        "strays": _strays,
        "descriptors": _descriptors,
        "identity": _identity,
    },
)
