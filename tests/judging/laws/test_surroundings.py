"""What a call leaves behind in torch, in the process or in torch's functions is seen, told, and put back."""

from __future__ import annotations

import ctypes
import locale
import os
import random
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.autograd.forward_ad
from jaccheck_support.left_behind import LEFT
from torch import nn

from jaccheck.case import Case, Linear
from jaccheck.judging import CaseReference, Surroundings, judge
from jaccheck.judging.laws.library_state import LIBRARIES, _traps
from jaccheck.methods import Jacobians, Problem, find_method
from jaccheck.reports import Outcome

CASE = Case(layers=(Linear(out_features=2),), in_shape=(3,), batch_size=3)
RIGHT = find_method("autograd_loop")


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
    assert verdict.seconds >= 0
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


@pytest.mark.skipif(_traps is None, reason="another C library")
def test_each_trap_is_taken_back_alone() -> None:
    """Invalid, zero, overflow, underflow, inexact: of x86; a processor that has none of one sets nothing."""
    library = ctypes.CDLL("libm.so.6")
    (aspect,) = (aspect for aspect in LIBRARIES if aspect.read == ("traps()",))
    before = library.fegetexcept()
    for trap in (0x01, 0x04, 0x08, 0x10, 0x20):
        library.feclearexcept(trap)  # what has happened earlier would end the process now
        library.feenableexcept(trap)
        assert aspect.put_back
        aspect.put_back(before)
        assert library.fegetexcept() == before
