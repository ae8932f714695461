"""What a worker says of a method: whether it is right, what it needs, how often it passes through the network."""

from __future__ import annotations

from time import perf_counter, sleep

import pytest
import torch

from jaccheck.bench import Shape
from jaccheck.bench.jobs import KEPT_MEMORY, Message, Task
from jaccheck.bench.passes import count_passes
from jaccheck.bench.process import Worker
from jaccheck.bench.shapes import SHAPES, make
from jaccheck.bench.worker import FLOOR, answer, too_slow
from jaccheck.core import ChildEnded
from jaccheck.methods import Jacobians, Problem, copy_of, method
from jaccheck.methods.registry import forget
from jaccheck.reports import MethodTiming, Outcome
from jaccheck.selftest import find_with_mutants

SHAPE = Shape(name="here", widths=(5, 4, 3), N=6)


def task(kind: str, *methods: str, shape: Shape = SHAPE, seconds: float = 30.0, memory: int = 2**33) -> Task:
    return Task(
        kind=kind,  # type: ignore[arg-type]
        shape=shape,
        dtype="float32",
        device="cpu",
        methods=methods,
        seconds=seconds,
        memory=memory,
        threads=1,
    )


def examined(*methods: str, **options: object) -> dict[str, MethodTiming]:
    """What an examination in this process says of each method."""
    messages = list(answer(task("examine", *methods, **options)))  # type: ignore[arg-type]
    assert messages[-1].is_last
    return {m.method.method: m.method for m in messages if m.method}


@pytest.mark.parametrize(
    ("name", "forward", "backward"),
    [
        ("autograd_loop", 1, 18),
        ("autograd_batched", 1, 1),
        ("batch_grad_loop", 1, 3),
        ("batch_grad_repeated", 1, 1),
        ("sqrt_ggn_sum", 2, 1),
        ("vmap_vjp", 1, 1),
        ("vmap_jacfwd", 1, 0),
        ("outer_products", 0, 0),
    ],
)
def test_passes(name: str, forward: int, backward: int) -> None:
    """N·C, C or one backward passes; the loss of SqrtGGN is a module that is called too."""
    problem = copy_of(make(SHAPE, "float32", "cpu"))
    with count_passes() as passes:
        find_with_mutants(name).compute(problem)
    assert (passes.forward, passes.backward) == (forward, backward)


def test_counting_leaves_nothing_behind() -> None:
    """Torch's own functions are back in place."""
    before = torch.nn.Module.__call__, torch.autograd.grad, torch.autograd.backward
    with count_passes():
        assert torch.autograd.grad is not before[1]
    assert (torch.nn.Module.__call__, torch.autograd.grad, torch.autograd.backward) == before


def test_a_wrong_method_is_known_as_wrong() -> None:
    """Beside one that is right, with the first wrong entry."""
    found = examined("outer_products", "mutant:sample_roll")
    assert found["outer_products"].outcome is Outcome.AGREES
    assert found["mutant:sample_roll"].outcome is Outcome.DISAGREES
    assert "instead of" in found["mutant:sample_roll"].message


def test_memory_is_measured_in_bytes_of_the_allocator() -> None:
    """At least the Jacobian, and not much more for the closed form."""
    size = 4 * 6 * 3 * (24 + 15)
    peak = examined("outer_products")["outer_products"].peak_bytes
    assert peak is not None
    assert size <= peak < 2 * size


@method(family="tests")
def hungry(problem: Problem) -> Jacobians:
    """Takes a terabyte."""
    return {"all": torch.ones(2**38)}


@method(family="tests")
def endless(problem: Problem) -> Jacobians:
    """Never ends."""
    while True:
        sleep(0.01)


@method(family="tests")
def clumsy(problem: Problem) -> Jacobians:
    """Raises."""
    raise KeyError("no such thing")


for each in (hungry, endless, clumsy):  # known only to the tests that ask for them
    forget(each.__name__)


@pytest.fixture
def _bad_methods() -> object:
    names = [method(family="tests")(each).__name__ for each in (hungry, endless, clumsy)]
    yield
    for name in names:
        forget(name)


@pytest.mark.usefixtures("_bad_methods")
def test_what_takes_too_much_is_left_out() -> None:
    """Memory, time, a crash: each with its reason, and the next method has its turn."""
    started = perf_counter()
    found = examined("hungry", "endless", "clumsy", "outer_products", seconds=20.0)
    assert perf_counter() - started < 100
    assert found["hungry"] == MethodTiming(
        method="hungry", outcome=Outcome.TOO_LARGE, message="needs more than 8.0 GiB"
    )
    assert found["endless"].message == "one call takes more than 4.0 s"
    assert found["clumsy"].outcome is Outcome.CRASHED
    assert "no such thing" in found["clumsy"].message
    assert found["outer_products"].outcome is Outcome.AGREES


def test_refusals_are_told() -> None:
    """What a method says of itself beforehand."""
    wide = Shape(name="wide", widths=(30, 30, 3), N=2)
    assert examined("central_differences", shape=wide)["central_differences"].outcome is Outcome.UNSUPPORTED


def test_the_slowest_go_first() -> None:
    """As many as the budget asks for, but never the floor nor the fastest three."""
    seconds = {FLOOR: 1.0, "a": 1.0, "b": 10.0, "c": 3.0, "d": 4.0, "e": 50.0}
    assert too_slow(seconds, 300.0) == []
    assert too_slow(seconds, 100.0) == ["e"]
    assert too_slow(seconds, 0.0) == ["b", "e"]


@pytest.mark.parametrize("kind", ["fresh", "reused"])
def test_every_method_is_timed(kind: str) -> None:
    """And the floor, which nothing beats that fills the same memory and computes besides."""
    messages = list(answer(task(kind, "outer_products", "vmap_vjp", seconds=0.5)))
    times = {m.starts: m.times for m in messages if m.times}
    floor = next(m.floor for m in messages if m.floor)
    assert set(times) == {"outer_products", "vmap_vjp"}
    assert all(spread.shortest_s > floor.shortest_s for spread in times.values())


def test_a_worker_process_answers_and_survives_what_methods_print() -> None:
    """One process for several tasks; lost when it does not answer in time, and started again."""
    worker = Worker(keeps_memory=True)
    try:
        for _ in range(2):
            messages = list(worker.ask(task("examine", "outer_products", shape=SHAPES[0]), 120))
            assert messages[-1] == Message(is_last=True)
        child = worker._child
        with pytest.raises(ChildEnded, match=r"not done after 0\.01 s"):
            list(worker.ask(task("examine", "autograd_loop", shape=SHAPES[2]), 0.01))
        assert not worker.is_running
        assert list(worker.ask(task("examine", "outer_products"), 120))[-1].is_last
        assert worker._child is not child
    finally:
        worker.close()


def test_the_two_workers_differ_in_what_glibc_keeps() -> None:
    """Settings of the caller do not reach the one that shows memory as it comes."""
    assert Worker(keeps_memory=True)._environment.items() >= KEPT_MEMORY.items()
    assert not any(name.startswith("MALLOC_") for name in Worker(keeps_memory=False)._environment)
