"""What worker processes cost and gain: `python benchmarks/isolation_cost.py` runs the same cases in each way.

CPU seconds of all processes of a run, which other people's load on the machine hardly changes, tell the overhead of
isolation; wall seconds tell what a second worker gains, and only on a quiet machine: loops of plain Python say what the
machine itself gives for a second process. Linux only.
"""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import sys
import tempfile
import time

import click

_PR_SET_CHILD_SUBREAPER = 36


BOTH_KNOW = (
    *("--family", "generic", "--family", "convolution", "--dtype", "float32", "--dtype", "float64"),
    *(
        "--method",
        "autograd_loop",
        "--method",
        "batch_grad_loop",
        "--method",
        "vmap_vjp",
        "--method",
        "autograd_batched",
    ),
)
"""Of a run that another version of jaccheck is to do, too."""


def run(workers: int, cases: int, python: str = sys.executable, options: tuple[str, ...] = ()) -> tuple[float, float]:
    """Wall and CPU seconds of a run and of all processes that it starts."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [python, "-m", "jaccheck", "verify", "--quiet", "--no-store", "--seed", "1", *options]
    with tempfile.TemporaryDirectory() as folder:
        amount = ["--workers", str(workers), "--max-examples", str(cases)]
        subprocess.run([*command, *amount], cwd=folder, check=True, capture_output=True)
    wall = time.perf_counter() - started
    while True:
        try:
            os.wait()  # what a run leaves to end by itself comes to this process, which is its reaper
        except ChildProcessError:
            break
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def loops_at_once(count: int) -> float:
    """Wall seconds until so many processes, started together, have each counted to the same number."""
    started = time.perf_counter()
    loops = [subprocess.Popen([sys.executable, "-c", "for _ in range(10**8): pass"]) for _ in range(count)]
    for loop in loops:
        loop.wait()
    return time.perf_counter() - started


def compare(other: str, cases: int, runs: int) -> None:
    """Prints the CPU seconds of the same cases here and with another interpreter, in turns, and their ratio."""
    cpu: dict[str, list[float]] = {sys.executable: [], other: []}
    for _ in range(runs):
        for python, used in cpu.items():
            used.append(run(1, cases, python, BOTH_KNOW)[1])
            click.echo(f"{used[-1]:6.1f} CPU s  load {os.getloadavg()[0]:.1f}  {python}")
    click.echo(f"here {min(cpu[sys.executable]) / min(cpu[other]):.2f} times the CPU seconds of the other")


@click.command()
@click.option("--cases", default=882, show_default=True, help="As many as the quick profile has.")
@click.option("--runs", default=1, show_default=True, help="Of each kind, in turns.")
@click.option(
    "--against", metavar="PYTHON", help="Compare with the jaccheck of this interpreter, with one worker each."
)
def main(cases: int, runs: int, against: str | None) -> None:
    """Prints a line for each run, and the ratios."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    if against:
        compare(against, cases, runs)
        return
    wall: dict[int, list[float]] = {0: [], 1: [], 2: []}
    cpu: dict[int, list[float]] = {0: [], 1: [], 2: []}
    click.echo("workers  wall s  CPU s  load")
    for _ in range(runs):
        for workers in wall:
            seconds, used = run(workers, cases)
            wall[workers].append(seconds)
            cpu[workers].append(used)
            click.echo(f"{workers:7} {seconds:7.1f} {used:6.1f} {os.getloadavg()[0]:5.1f}")
    click.echo(f"isolation: {min(cpu[1]) / min(cpu[0]) - 1:+.1%} CPU seconds over no workers at all")
    click.echo(f"two workers: {min(wall[1]) / min(wall[2]):.2f} times as fast as one")
    click.echo(f"two loops that share nothing: {2 * loops_at_once(1) / loops_at_once(2):.2f} times as fast as one")


if __name__ == "__main__":
    main()
