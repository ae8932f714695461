"""What a method may leave behind, each with the aspect that says so and a function that leaves it."""

from __future__ import annotations

import copy
import ctypes
import decimal
import gc
import locale
import logging
import math
import os
import resource
import signal
import struct
import sys
import tempfile
import threading
import time
import tracemalloc
import warnings
from collections import Counter
from collections.abc import Callable
from multiprocessing.connection import Connection

import numpy as np
import torch
import torch.autograd.forward_ad
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode


class Lying(TorchFunctionMode):
    """Everything is zero under it."""

    def __torch_function__(self, func: object, types: object, args: object = (), kwargs: object = None) -> object:
        return 0


class Raising(TorchDispatchMode):
    """Nothing can be computed under it."""

    def __torch_dispatch__(self, func: object, types: object, args: object = (), kwargs: object = None) -> object:
        raise RuntimeError("under a mode")


def _patched_forward() -> None:
    nn.Linear.forward = lambda self, x: x  # type: ignore[method-assign, assignment]


def _new_call() -> None:
    nn.Linear.__call__ = lambda self, x: x  # type: ignore[method-assign, assignment]


def _patched_function() -> None:
    torch.nn.functional.linear = torch.mul  # type: ignore[assignment]


def _numpy_errors() -> None:
    np.seterr(all="raise")


def _downwards() -> None:
    ctypes.CDLL(None).fesetround(0x400)


def _replaced(owner: object, name: str) -> Callable[[], object]:
    """What puts something else in place of a function or class."""
    return lambda: setattr(owner, name, lambda *given, **named: None)


def _float32(backend: str, precision: str) -> None:
    """As `torch.backends.fp32_precision = …`: since then torch refuses to say what the older switch is."""
    torch._C._set_fp32_precision_setter(backend, "all", precision)  # type: ignore[attr-defined]


def _zone() -> None:
    os.environ["TZ"] = "XYZ"
    time.tzset()
    del os.environ["TZ"]


def _hard() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


LEFT: dict[str, tuple[str, Callable[[], object]]] = {
    "autocast": ("autocast", lambda: torch.autocast("cpu", dtype=torch.bfloat16).__enter__()),
    "saved-tensor hooks": (
        "saved-tensor hooks",
        lambda: torch.autograd.graph.saved_tensors_hooks(lambda x: x * 2, lambda x: x).__enter__(),
    ),
    "forbidden hooks": (
        "saved-tensor hooks are allowed",
        lambda: torch._C._autograd._saved_tensors_hooks_disable("no"),
    ),
    "function mode": ("function modes", lambda: Lying().__enter__()),
    "dispatch mode": ("dispatch modes", lambda: Raising().__enter__()),
    "default device": ("default device", lambda: torch.set_default_device("meta")),
    "default dtype": ("default dtype", lambda: torch.set_default_dtype(torch.float16)),
    "gradients off": ("grad mode", lambda: torch.set_grad_enabled(False)),
    "forward mode": ("level of forward mode", lambda: torch.autograd.forward_ad.enter_dual_level()),
    "vmap": ("level of functorch", lambda: torch._C._functorch._vmap_increment_nesting(3, "error")),
    "flush to zero": ("floating-point environment", lambda: torch.set_flush_denormal(True)),
    "rounding": ("floating-point environment", _downwards),
    "mkldnn": ("back-end flags", lambda: torch.backends.mkldnn.set_flags(False)),
    "cudnn": ("back-end flags", lambda: setattr(torch.backends.cudnn, "deterministic", True)),
    "matmul precision": ("float32 matmul precision", lambda: torch.set_float32_matmul_precision("medium")),
    "deterministic": ("deterministic algorithms", lambda: torch.use_deterministic_algorithms(True)),
    "warnings": ("warning filters", lambda: warnings.simplefilter("error")),
    "forward": ("torch.nn.modules.linear.Linear.forward", _patched_forward),
    "call": ("torch.nn.modules.linear.Linear.__call__", _new_call),
    "function": ("torch.nn.functional.linear", _patched_function),
    "handler": ("signal handlers", lambda: signal.signal(signal.SIGUSR1, signal.SIG_IGN)),
    "mask": ("signal mask", lambda: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})),
    "timer": ("timers", lambda: signal.setitimer(signal.ITIMER_VIRTUAL, 1000.0)),
    "alarm": ("timers", lambda: signal.alarm(1000)),
    "limit": ("resource limits", lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (512, _hard()))),
    "environment": ("environment", lambda: os.environ.update(LEFT_BEHIND="1")),
    "folder": ("working directory", lambda: os.chdir("/")),
    "umask": ("umask", lambda: os.umask(0o123)),
    "locale": ("locale", lambda: locale.setlocale(locale.LC_ALL, "C.UTF-8")),
    "numpy": ("error state of numpy", _numpy_errors),
    "recursion": ("recursion limit", lambda: sys.setrecursionlimit(20000)),
    "path": ("import path", lambda: sys.path.insert(0, "/nowhere")),
    "thresholds": ("garbage collector", lambda: gc.set_threshold(1, 2, 3)),
    "collector": ("garbage collector", gc.disable),
    "callbacks of the collector": ("garbage collector", lambda: gc.callbacks.append(print)),
    "precision of float32": ("precision of float32", lambda: _float32("generic", "tf32")),
    "precision of mkldnn": ("precision of float32", lambda: _float32("mkldnn", "bf16")),
    "printing of tensors": ("printing of tensors", lambda: torch.set_printoptions(precision=1)),
    "printing of arrays": ("printing of arrays", lambda: np.set_printoptions(precision=1)),
    "numpy's callback": ("error state of numpy", lambda: np.seterrcall(print)),
    "conversion of modules": (
        "conversion of modules",
        lambda: torch.__future__.set_overwrite_module_params_on_conversion(True),
    ),
    "fast path": ("fast path of attention", lambda: torch.backends.mha.set_fastpath_enabled(False)),
    "forward gradients": ("switches of autograd", lambda: torch._C._set_fwd_grad_enabled(False)),
    "views": ("switches of autograd", lambda: torch._C._set_view_replay_enabled(True)),
    "fallback of vmap": ("switches of functorch", lambda: torch._C._functorch._set_vmap_fallback_enabled(False)),
    "gradients in place": (
        "switches of functorch",
        lambda: torch._C._functorch.set_inplace_requires_grad_allowed(True),
    ),
    "keys of the dispatcher": (
        "keys of the dispatcher",
        lambda: torch._C._dispatch_tls_set_dispatch_key_excluded(torch._C.DispatchKey.AutogradCPU, True),
    ),
    "distributions": (
        "validation of distributions",
        lambda: torch.distributions.Distribution.set_default_validate_args(False),
    ),
    "cache of parametrizations": (
        "cache of parametrizations",
        lambda: setattr(torch.nn.utils.parametrize, "_cache_enabled", 1),
    ),
    "sharing of memory": (
        "sharing of memory",
        lambda: torch.multiprocessing.set_sharing_strategy("file_system"),  # type: ignore[no-untyped-call]
    ),
    "start of processes": (
        "start of processes",
        lambda: torch.multiprocessing.set_start_method("spawn", force=True),
    ),
    "decimal": ("context of decimal", lambda: setattr(decimal.getcontext(), "prec", 3)),
    "importers": ("importers", lambda: sys.meta_path.append(sys.meta_path[-1])),
    "logging": ("logging", lambda: logging.getLogger().setLevel(logging.DEBUG)),
    "logging off": ("logging", lambda: logging.disable(logging.CRITICAL)),
    "interpreter": ("settings of the interpreter", lambda: sys.setswitchinterval(1.0)),
    "digits": ("settings of the interpreter", lambda: sys.set_int_max_str_digits(1000)),
    "tracing of memory": ("settings of the interpreter", tracemalloc.start),
    "trace of threads": ("trace function", lambda: threading.settrace(lambda *given: None)),
    "temporary folder": ("folder of temporary files", lambda: setattr(tempfile, "tempdir", "/nowhere")),
    "time zone": ("time zone", _zone),
    "traps": ("floating-point traps", lambda: ctypes.CDLL("libm.so.6").feenableexcept(4)),
    "standard files that do not wait": ("waiting for standard files", lambda: os.set_blocking(2, False)),
    "another layer": ("torch.nn.Linear", _replaced(nn, "Linear")),
    "another packing of numbers": ("struct.pack", _replaced(struct, "pack")),
    "another counter": ("collections.Counter.update", _replaced(Counter, "update")),
    "a pipe that sends nothing": (
        "multiprocessing.connection._ConnectionBase.send_bytes",
        _replaced(Connection.__mro__[1], "send_bytes"),
    ),
    "a module that is gone": ("sys.modules.get('json')", lambda: sys.modules.pop("json")),
    "a module that is forbidden": ("sys.modules.get('torch')", lambda: sys.modules.update(torch=None)),  # type: ignore[call-overload]
    "other modules": ("sys.modules.get('numpy')", lambda: setattr(sys, "modules", {})),
    "forward of a layer that is not here": ("torch.nn.modules.conv.Conv2d.forward", _replaced(nn.Conv2d, "forward")),
    "engine": (
        "torch.autograd.graph._engine_run_backward",
        _replaced(torch.autograd.graph, "_engine_run_backward"),
    ),
    "vmap itself": ("torch._functorch.apis.vmap", lambda: setattr(sys.modules["torch._functorch.apis"], "vmap", 1)),
    "special": ("torch.special.erf", _replaced(torch.special, "erf")),
    "mathematics": ("math.prod", _replaced(math, "prod")),
    "copies": ("copy.deepcopy", _replaced(copy, "deepcopy")),
    "sums of numpy": ("numpy.sum", _replaced(np, "sum")),
    "sleep": ("time.sleep", _replaced(time, "sleep")),
    "a clock that stands": ("time.perf_counter", lambda: setattr(time, "perf_counter", lambda: 0.0)),
    "another clock that stands": ("time.monotonic", lambda: setattr(time, "monotonic", lambda: 0.0)),
}
"""By what is left behind: the aspect that must be named, and what leaves it."""
