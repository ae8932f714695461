"""How often the paired comparison is wrong, and what it finds: `python benchmarks/paired_calibration.py`.

A call is compared with itself (every "faster" or "slower" is a false alarm), then with the same call doing 1.1 and
1.25 times the work, really done. The work is a method on the tutorial's shape, repeated `--units` times. `--load`
starts processes that keep the cores busy; `--processes` puts base and candidate into worker processes of their own,
as the gate does, where each pair of processes has its own layout of memory.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection

import click
import numpy as np
import torch
from rich.progress import track
from scipy.stats import binomtest

from jaccheck.bench import Budget, Call, compare_timings, still_process, timings_of
from jaccheck.bench.paired import TakeTiming
from jaccheck.case import Case, Linear, ReLU
from jaccheck.methods import Problem, build, find_method, round_sample
from jaccheck.reports import Answer, PairedTiming


def work(method: str, units: int, clock: str) -> TakeTiming:
    """Timings of `units` calls of a method on the tutorial's shape, which must leave nothing on the model."""
    case = Case(layers=(Linear(out_features=7), ReLU(), Linear(out_features=5)), in_shape=(10,), batch_size=15)
    compute, numbers = find_method(method).compute, round_sample(case)

    def run(problem: Problem) -> None:
        for _ in range(units):
            compute(problem)

    call = Call(method, run, lambda: build(case, tensors=numbers))
    return timings_of(call, clock=clock)  # type: ignore[arg-type]


def spin() -> None:
    """Keeps a core busy, with arithmetic and with memory."""
    torch.set_num_threads(1)
    x = torch.ones(1_000_000)
    while os.getppid() != 1:
        x.mul_(1.0000001)


@contextlib.contextmanager
def busy(processes: int) -> Iterator[None]:
    """So many processes compete for the cores."""
    started = [multiprocessing.get_context("spawn").Process(target=spin, daemon=True) for _ in range(processes)]
    for process in started:
        process.start()
    try:
        yield
    finally:
        for process in started:
            process.terminate()
            process.join()


def serve(pipe: Connection, method: str, units: int, clock: str) -> None:
    """A worker process: one timing for each request."""
    with still_process():
        take = work(method, units, clock)
        while pipe.recv():
            pipe.send(take())


@contextlib.contextmanager
def worker(method: str, units: int, clock: str) -> Iterator[TakeTiming]:
    """Timings from a process of its own."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=serve, args=(there, method, units, clock), daemon=True)
    process.start()

    def take() -> float:
        here.send(True)
        return float(here.recv())

    try:
        yield take
    finally:
        here.send(False)
        process.join()


@contextlib.contextmanager
def here(method: str, units: int, clock: str) -> Iterator[TakeTiming]:
    """Timings from this process."""
    yield work(method, units, clock)


def tell(name: str, truth: Answer | None, results: list[PairedTiming]) -> None:
    """One line: what was answered, the rate that counts with its 95 % limit, and what it took."""
    answers = Counter(result.answer for result in results)
    counted = " · ".join(f"{answers[answer]} {answer}" for answer in Answer)
    if truth is None:
        hits, word, tail = answers[Answer.FASTER] + answers[Answer.SLOWER], "false alarms", "at most"
    else:
        hits, word, tail = answers[truth], "found", "at least"
    interval = binomtest(hits, len(results)).proportion_ci(0.90)
    limit = interval.high if truth is None else interval.low
    blocks, seconds = [r.blocks for r in results], [r.seconds for r in results]
    width = np.median([r.high / max(r.low, 1e-9) - 1 for r in results])
    print(
        f"{name:6} {len(results)} comparisons: {counted}; {word} {hits / len(results):.1%} ({tail} {limit:.1%}); "
        f"blocks median {np.median(blocks):.0f}, 90 % {np.quantile(blocks, 0.9):.0f}; seconds median "
        f"{np.median(seconds):.1f}, 90 % {np.quantile(seconds, 0.9):.1f}; interval {width:.1%} wide",
        flush=True,
    )


@click.command()
@click.option("--comparisons", default=200, show_default=True, help="For each percentage.")
@click.option(
    "--percent", "percents", multiple=True, type=int, default=(0, 25, 10), show_default=True, help="More work."
)
@click.option("--method", default="autograd_batched", show_default=True)
@click.option("--units", default=20, show_default=True, help="Calls in one timing; 20 are a few milliseconds.")
@click.option("--clock", type=click.Choice(["wall", "cpu"]), default="wall", show_default=True)
@click.option("--seconds", default=20.0, show_default=True, help="Budget of one comparison.")
@click.option("--blocks", default=384, show_default=True, help="Budget of one comparison.")
@click.option("--load", default=0, show_default=True, help="Processes that keep the cores busy.")
@click.option("--processes", is_flag=True, help="Base and candidate in worker processes, new ones each time.")
def main(
    comparisons: int,
    percents: tuple[int, ...],
    method: str,
    units: int,
    clock: str,
    seconds: float,
    blocks: int,
    load: int,
    processes: bool,
) -> None:
    """Prints a line for each percentage; 0 is a call compared with itself."""
    side: Callable[[str, int, str], contextlib.AbstractContextManager[TakeTiming]] = worker if processes else here
    budget = Budget(seconds=seconds, blocks=blocks)
    print(f"{method} × {units}, {clock} clock, {budget}, load average {os.getloadavg()[0]:.1f} and {load} more")
    started = time.perf_counter()
    with busy(load), still_process():
        for percent in percents:
            name, factor, truth = f"+{percent} %", 1 + percent / 100, Answer.SLOWER if percent else None
            results = []
            for seed in track(range(comparisons), description=name, transient=True):
                with side(method, units, clock) as base, side(method, round(units * factor), clock) as candidate:
                    results.append(compare_timings(base, candidate, budget, seed=seed))
            tell(name, truth, results)
    print(f"{time.perf_counter() - started:.0f} s, load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
