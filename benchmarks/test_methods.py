"""The measurements of `jaccheck bench` as benchmarks: `pytest benchmarks`, then `--benchmark-compare` for later runs.

PYTEST_DONT_REWRITE. One benchmark for each method that is right, grouped by shape and dtype; `given` are those that
write into memory that is there already. `extra_info` has the sizes and the ratio to the floor, timed beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from jaccheck.bench import Call, DoesNotFit, Effort, call_within, still_process, time_calls
from jaccheck.bench.examination import TooSlow, limited
from jaccheck.bench.judging import judge_of
from jaccheck.bench.racing import allocate_and_fill, fill
from jaccheck.bench.shapes import SHAPES, jacobian_bytes, make
from jaccheck.methods import Jacobians, Problem, copy_of, find_method, registered

NAMES = [shape.name for shape in SHAPES[:-1]]
"""The largest takes minutes; `jaccheck bench` has it."""

METHODS = [name for name, method in registered().items() if not method.missing]

SLOW_S, MEMORY = 2.0, 2**32
"""A call that takes longer than this, or more bytes, is skipped."""

Key = tuple[str, str]


@cache
def problem_of(key: Key) -> Problem:
    """The problem that all methods on a shape share, each working on copies."""
    return make(next(shape for shape in SHAPES if shape.name == key[0]), key[1], "cpu")


@cache
def judge(key: Key) -> object:
    return judge_of(problem_of(key))


@cache
def given(key: Key) -> Jacobians:
    """Memory that is there already."""
    problem = problem_of(key)
    memory = {name: p.new_empty(problem.N, problem.C, *p.shape) for name, p in problem.parameters.items()}
    fill(memory)
    return memory


@cache
def start(name: str) -> None:
    """Lets a method load what it loads at its first call, which no limit on time may interrupt."""
    problem = problem_of(("tutorial", "float32"))
    if not find_method(name).refuses(problem):
        find_method(name).compute(copy_of(problem))


@cache
def floor_s(key: Key, regime: str) -> float:
    """The time that filling the memory takes."""
    memory = given(key)
    shapes = {name: (tensor.shape, tensor.dtype) for name, tensor in memory.items()}
    call = Call("given", lambda _: fill(memory))
    if regime == "fresh":
        call = Call("fresh", lambda _: allocate_and_fill(shapes, "cpu"))
    return time_calls([call], Effort(seconds=0.2, most=200))[regime].wall.median_s


@pytest.fixture(autouse=True)
def _still() -> Iterator[None]:
    with still_process():
        yield


@pytest.mark.parametrize("regime", ["fresh", "reused"])
@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", NAMES)
def test_method(benchmark: BenchmarkFixture, shape: str, dtype: str, name: str, regime: str) -> None:
    """The time of one call."""
    method, key = find_method(name), (shape, dtype)
    problem = problem_of(key)
    if regime == "reused" and not method.takes_out:
        pytest.skip("writes into no `out`")
    if refusal := method.refuses(problem):
        pytest.skip(refusal)
    start(name)
    out = {"out": given(key)} if regime == "reused" else {}
    try:
        with limited(SLOW_S):
            found = call_within(lambda: method.compute(copy_of(problem), **out), MEMORY)
    except (TooSlow, DoesNotFit):
        pytest.skip(f"needs more than {SLOW_S} s, or more than {MEMORY / 2**30:.0f} GiB")
    fault = judge(key).difference(method, found)  # type: ignore[attr-defined]
    if fault:
        pytest.fail(f"wrong, so not timed: {fault}")
    del found
    benchmark.group = f"{shape}, {dtype}"
    benchmark.extra_info |= {
        "network": next(s.network for s in SHAPES if s.name == shape),
        "N": problem.N,
        "C": problem.C,
        "jacobian_bytes": jacobian_bytes(problem),
        "regime": regime,
        "floor_s": floor_s(key, regime),
    }
    benchmark.pedantic(method.compute, setup=lambda: ((copy_of(problem),), out), rounds=20, warmup_rounds=1)
    if benchmark.stats:
        benchmark.extra_info["times_the_floor"] = benchmark.stats.stats.median / benchmark.extra_info["floor_s"]
