"""What a worker says of a method: whether it is right, what it needs, how often it passes through the network."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter, process_time, sleep

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from jaccheck.bench import Shape
from jaccheck.bench.examination import GROSS, FirstCalls, representatives, times_slower
from jaccheck.bench.jobs import KEPT_MEMORY, Message, Task
from jaccheck.bench.passes import count_passes
from jaccheck.bench.process import Worker
from jaccheck.bench.shapes import SHAPES, make
from jaccheck.bench.worker import answer
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
    kind = {"kind": "tests"}
    assert found["hungry"] == MethodTiming(
        method="hungry", outcome=Outcome.TOO_LARGE, message="needs more than 8.0 GiB", **kind
    )
    assert found["endless"].message == "one call takes more than 4 s"
    assert found["clumsy"].outcome is Outcome.CRASHED
    assert "no such thing" in found["clumsy"].message
    assert found["outer_products"].outcome is Outcome.AGREES


def test_refusals_are_told() -> None:
    """What a method says of itself beforehand."""
    wide = Shape(name="wide", widths=(30, 30, 3), N=2)
    assert examined("central_differences", shape=wide)["central_differences"].outcome is Outcome.UNSUPPORTED


@pytest.mark.parametrize(
    ("calls", "slower"),
    [
        (FirstCalls(1.0, 1.0), 10.0),
        (FirstCalls(1.0, 0.2), None),  # the processor was busy with other things
        (FirstCalls(0.2, 1.0), None),  # on several threads
        (FirstCalls(0.1 * GROSS, 0.1 * GROSS), GROSS),
        (FirstCalls(0.29, 0.29), None),
        (FirstCalls(2.0, 1.5, is_stopped=True), 15.0),
    ],
)
def test_only_what_is_far_slower_by_both_clocks_is_dropped(calls: FirstCalls, slower: float | None) -> None:
    """Beside a tenth of a second."""
    assert times_slower(calls, 0.1) == (slower if slower is None else pytest.approx(slower))


@given(own_s=st.floats(1e-5, 10), fastest_s=st.floats(1e-5, 10), waits=st.tuples(st.floats(0, 100), st.floats(0, 100)))
def test_waiting_for_a_core_drops_nothing(own_s: float, fastest_s: float, waits: tuple[float, float]) -> None:
    """However long each of the two waited: what is said is never more than the ratio of the work."""
    own, fastest = (FirstCalls(work + wait, work) for work, wait in zip((own_s, fastest_s), waits, strict=True))
    slower = times_slower(own, fastest.at_most_s)
    assert slower is None or GROSS <= slower <= own_s / fastest_s


@method(family="tests")
def sluggish(problem: Problem) -> Jacobians:
    """Right, but computes for a fifth of a second more."""
    ends = process_time() + 0.2
    while process_time() < ends:
        pass
    return find_with_mutants("outer_products").compute(problem)


forget("sluggish")


@pytest.mark.parametrize("order", [("outer_products", "sluggish"), ("sluggish", "outer_products")])
def test_what_is_far_slower_is_dropped_after_two_calls(order: tuple[str, ...]) -> None:
    """Whichever came first; it is judged all the same."""
    method(family="tests")(sluggish)
    try:
        messages = list(answer(task("examine", *order, shape=SHAPE)))
    finally:
        forget("sluggish")
    found = {m.method.method: m for m in messages if m.method}
    fast, slow = found["outer_products"].method, found["sluggish"].method
    assert fast is not None
    assert slow is not None
    assert fast.times_slower is None
    assert slow.outcome is Outcome.AGREES
    assert slow.times_slower > GROSS
    assert slow.first_calls == 2
    assert found["sluggish"].first_s > 0.2


def test_each_kind_has_one_representative() -> None:
    """The quickest, unless another method of the kind takes part."""
    kinds = {"a": "x", "b": "y", "c": "y", "d": "z"}
    assert representatives({"b": 2.0, "c": 1.0, "d": 3.0}, kinds, {"x"}) == ("c", "d")
    assert representatives({"b": 2.0, "c": 1.0, "d": 3.0}, kinds, {"y", "z"}) == ()


@pytest.mark.parametrize("kind", ["fresh", "reused"])
def test_methods_race(kind: str) -> None:
    """The one that takes far longer leaves; nothing beats the floor, which fills the same memory."""
    asked = replace(task(kind, "outer_products", "autograd_loop", seconds=300.0), representatives=("vmap_vjp",))
    messages = list(answer(asked))
    last = [m for m in messages if m.race][-1]
    assert last.race
    assert last.times
    assert last.floor
    assert last.race.regime == kind
    assert last.race.leaders == ("outer_products",)
    assert set(last.times) == {"outer_products", "autograd_loop", "vmap_vjp"}
    assert {p.method for p in last.race.places} == set(last.times)
    assert last.race.is_decided
    assert all(spread.shortest_s > last.floor.shortest_s for spread in last.times.values())


def test_without_time_only_the_likeliest_race() -> None:
    """The others are named, and nothing is decided."""
    names = ("outer_products", "hooks", "vmap_vjp", "autograd_batched", "autograd_loop")
    last = [m for m in answer(task("reused", *names, seconds=0.0)) if m.race][-1]
    assert last.race
    assert last.race.untimed == ("autograd_batched", "autograd_loop")
    assert not last.race.is_decided


@pytest.mark.full
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
