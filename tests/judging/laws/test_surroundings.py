"""What a call leaves behind in torch, in the process or in torch's functions is seen, told, and put back."""

from __future__ import annotations

import copy
import ctypes
import decimal
import gc
import locale
import logging
import math
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.autograd.forward_ad
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from jaccheck.case import Case, Linear
from jaccheck.judging import CaseReference, Surroundings, judge
from jaccheck.methods import Jacobians, Problem, find_method
from jaccheck.reports import Outcome

CASE = Case(layers=(Linear(out_features=2),), in_shape=(3,), batch_size=3)
RIGHT = find_method("autograd_loop")


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
}
"""By what is left behind: the aspect that must be named, and what leaves it."""


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Where a test fails, the next one begins as if it had not."""
    around = Surroundings(nn.Linear(1, 1), "cpu")
    locale_before = locale.setlocale(locale.LC_ALL)
    locale.setlocale(locale.LC_ALL, "C")
    yield
    around.look()
    locale.setlocale(locale.LC_ALL, locale_before)


def leaving(act: Callable[[], object], *, when: Callable[[], bool] = lambda: True) -> object:
    """A right method that does something else besides."""

    def compute(problem: Problem) -> Jacobians:
        found = RIGHT.compute(problem)
        if when():
            act()
        return found

    return replace(RIGHT, name="leaving", compute=compute)


@pytest.mark.parametrize("name", LEFT)
def test_what_is_left_behind_is_named_and_put_back(name: str) -> None:
    """The law of purity names it, and the next method, in the same process, is judged as if nothing had been."""
    aspect, act = LEFT[name]
    reference = CaseReference(CASE, "cpu")
    around = Surroundings(reference.problem().model, "cpu")
    verdict = judge(CASE, leaving(act), reference=reference, around=around)  # type: ignore[arg-type]
    assert {failure.law for failure in verdict.failures} == {"purity"}
    assert verdict.outcome is Outcome.SIDE_EFFECT
    assert aspect in verdict.failures[0].detail.aspects  # type: ignore[union-attr]
    assert around.left == ()
    again = judge(CASE, RIGHT, reference=reference, around=around)
    assert (again.outcome, again.failures) == (Outcome.AGREES, ())


@pytest.mark.parametrize("name", ["stdin", "stdout", "excepthook"])
def test_what_is_taken_away_is_named_and_put_back(name: str) -> None:
    """Reading it raises then, which is no error of jaccheck's; the rest is looked at all the same."""
    was = getattr(sys, name)
    try:
        verdict = judge(CASE, leaving(lambda: hasattr(sys, name) and delattr(sys, name)))  # type: ignore[arg-type]
        assert verdict.outcome is Outcome.SIDE_EFFECT
        assert verdict.failures[0].detail.aspects in (("standard streams",), ("exception hooks",))  # type: ignore[union-attr]
        assert getattr(sys, name) is was
    finally:
        setattr(sys, name, was)


def test_another_generator_of_numpy_is_named_and_put_back() -> None:
    """One of another kind, whose state the one before could not take."""
    was = np.random.get_bit_generator()  # type: ignore[attr-defined]
    try:
        verdict = judge(
            CASE,
            leaving(lambda: np.random.set_bit_generator(np.random.PCG64())),  # type: ignore[arg-type, attr-defined]
        )
        assert "random generator of numpy" in verdict.message
        assert np.random.get_bit_generator() is was  # type: ignore[attr-defined]
    finally:
        np.random.set_bit_generator(was)  # type: ignore[attr-defined]


def test_an_operator_of_ones_own_is_named() -> None:
    """It takes the place of torch's for everybody, and cannot be told to go by who has not made it."""
    around = Surroundings(nn.Linear(1, 1), "cpu")
    library = torch.library.Library("aten", "IMPL")
    try:
        with warnings.catch_warnings(action="ignore"):  # torch says that it is overridden
            library.impl("erfinv", lambda x: x, "CPU")
        before, after = around.look()
        assert before["process"]["operators of torch"] != after["process"]["operators of torch"]
        assert around.left == ("operators of torch",)
    finally:
        library._destroy()


def test_what_cannot_be_put_back_is_said() -> None:
    """A thread, a process, an open file and a hard limit: whoever runs the next method is told."""
    ended = threading.Event()
    processes: list[subprocess.Popen[bytes]] = []
    files: list[int] = []
    acts: dict[str, Callable[[], object]] = {
        "threads": threading.Thread(target=ended.wait).start,
        "child processes": lambda: processes.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1)),
        "open descriptors": lambda: files.append(os.open("/dev/null", os.O_RDONLY)),
    }
    try:
        for aspect, act in acts.items():
            around = Surroundings(nn.Linear(1, 1), "cpu")
            act()
            before, after = around.look()
            assert before["process"][aspect] != after["process"][aspect]
            assert aspect in around.left
            assert around.look()[0] == around.look()[1]  # the next call is not blamed for it
    finally:
        ended.set()
        for process in processes:
            process.communicate()
        for file in files:
            os.close(file)


def test_what_ends_by_itself_is_not_left_behind() -> None:
    """A thread that was told to end, and has not had the time to."""
    around = Surroundings(nn.Linear(1, 1), "cpu")
    threading.Thread(target=time.sleep, args=(0.05,)).start()
    assert around.look()[0] == around.look()[1]
    assert around.left == ()


def test_what_a_late_thread_changes_is_told() -> None:
    """It has ended when the call is looked at again, and what it has done then is the method's doing, and put back."""
    around = Surroundings(nn.Linear(1, 1), "cpu")
    threading.Timer(0.05, torch.set_default_dtype, [torch.float64]).start()
    before, after = around.look()
    assert (before["torch"]["default dtype"], after["torch"]["default dtype"]) == (torch.float32, torch.float64)
    assert around.left == ()
    assert torch.get_default_dtype() is torch.float32


def test_a_second_call_is_watched_too() -> None:
    """What only a later call leaves behind is told as what that call has left."""
    calls: list[int] = []
    method = leaving(lambda: torch.set_num_threads(3), when=lambda: calls.append(1) or len(calls) > 1)
    verdict = judge(CASE, method)  # type: ignore[arg-type]
    assert {failure.law for failure in verdict.failures} == {"purity"}
    assert "second call" in verdict.failures[0].message
    assert "number of threads" in verdict.failures[0].message


def test_a_fork_that_comes_back_ends() -> None:
    """Its exception goes to nobody, one verdict comes back, and it says that there was a fork."""

    def compute(problem: Problem) -> Jacobians:
        if os.fork() == 0:
            raise RuntimeError("in the child")
        return RIGHT.compute(problem)

    pid = os.getpid()
    verdict = judge(CASE, replace(RIGHT, name="forking", compute=compute))
    assert os.getpid() == pid
    assert [failure.law for failure in verdict.failures] == ["purity"]
    assert "forks that came back" in verdict.message


def test_another_class_of_a_module_is_seen() -> None:
    """Of a module that the call has given another class, and of one whose attributes are all others."""

    class Other(nn.Linear):
        """As right."""

    def to_other(problem: Problem) -> Jacobians:
        found = RIGHT.compute(problem)
        problem.model[0].__class__ = Other  # type: ignore[index, assignment]
        return found

    def emptied(problem: Problem) -> Jacobians:
        found = RIGHT.compute(problem)
        problem.model[0].__dict__.clear()  # type: ignore[index]
        return found

    verdict = judge(CASE, replace(RIGHT, name="other", compute=to_other))
    assert "__class__ was Linear, is" in verdict.message
    verdict = judge(CASE, replace(RIGHT, name="emptied", compute=emptied))
    assert verdict.outcome is Outcome.SIDE_EFFECT


def test_the_random_numbers_of_a_right_method_are_its_own() -> None:
    """Nothing is blamed on a method that changes nothing."""
    state = random.getstate()
    assert judge(CASE, RIGHT).failures == ()
    assert random.getstate() == state


def test_what_an_import_of_torch_changes_is_nobodys() -> None:
    """As torch._dynamo, which wraps `torch.manual_seed` when it is first imported; the wrapper stays."""

    def importing(problem: Problem) -> Jacobians:
        if "torch._dynamo.late" not in sys.modules:
            sys.modules["torch._dynamo.late"] = sys
            replace_seed()
        return RIGHT.compute(problem)

    def replace_seed() -> None:
        def manual_seed(*given: object) -> object:
            return before(*given)  # type: ignore[arg-type]

        manual_seed.__module__ = "torch._dynamo"
        torch.manual_seed = manual_seed  # type: ignore[assignment]

    before = torch.manual_seed
    try:
        assert judge(CASE, replace(RIGHT, name="importing", compute=importing)).failures == ()
        assert torch.manual_seed is not before
    finally:
        torch.manual_seed = before
        sys.modules.pop("torch._dynamo.late")


@pytest.mark.parametrize("taken", [False, True])
def test_an_import_adds_to_the_environment_and_takes_nothing_away(monkeypatch: pytest.MonkeyPatch, taken: bool) -> None:
    """What is added while a module is imported stays; a variable that is gone then is the method's doing, and back."""
    monkeypatch.setenv("BEFORE", "here")
    monkeypatch.setenv("ADDED", "")
    monkeypatch.delenv("ADDED")

    def importing(problem: Problem) -> Jacobians:
        if "late" not in sys.modules:
            monkeypatch.setitem(sys.modules, "late", sys)
            os.environ["ADDED"] = "by an import"
            if taken:
                del os.environ["BEFORE"]
        return RIGHT.compute(problem)

    verdict = judge(CASE, replace(RIGHT, name="importing", compute=importing))
    assert os.environ["BEFORE"] == "here"
    assert ("environment" in verdict.message, "ADDED" in os.environ) == (taken, not taken)
