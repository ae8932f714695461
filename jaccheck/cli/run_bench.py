"""`jaccheck bench`: everything that can be refused is refused before the first call is timed."""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.status import Status

from jaccheck.bench import Plan, Shape, bench, choose_shapes, default_memory, resident_bytes
from jaccheck.cli.live import PLAIN_LINE_SECONDS
from jaccheck.cli.writing import BENCH, writer
from jaccheck.core import plain_data
from jaccheck.errors import BrokenEnvironment, UnknownName, UnreadableFile
from jaccheck.methods import choose_devices, load_problem
from jaccheck.rendering import bench_summary, growth_table, make_console, print_cell
from jaccheck.reports import BenchCell, check_writable
from jaccheck.selftest import by_names

DTYPES = ("float32", "float64")

MOST_MEMORY = 2**33
"""By default a call gets a third of what is free, and no more than this."""


@plain_data
class Request:
    """The options of the command, as given."""

    model: str | None
    shapes: tuple[str, ...]
    methods: tuple[str, ...]
    dtypes: tuple[str, ...]
    devices: tuple[str, ...]
    time: float
    threads: int
    memory: float | None
    reports: tuple[Path, ...]
    plots: Path | None


def run(request: Request) -> int:
    """The exit code of a run: 0, or 1 where a method was wrong."""
    write = writer(request.reports, BENCH)
    if request.plots:
        _check_plots(request.plots)
    plan = plan_of(request)
    console = make_console()
    with Progress(console) as progress:
        report = bench(plan, progress)
    if report.growth:
        console.print(growth_table(report.growth))
    console.print(bench_summary(report), highlight=False)
    write(report)
    if request.plots:
        from jaccheck.rendering import plot_bench

        for written in plot_bench(report, request.plots):
            console.print(f"written: {written}", highlight=False)
    return int(bool(report.wrong))


def _check_plots(directory: Path) -> None:
    if importlib.util.find_spec("matplotlib") is None:
        raise BrokenEnvironment("--plot needs matplotlib, which is not installed: pip install 'jaccheck[plot]'")
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnreadableFile(f"{directory}: cannot be made: {error.strerror}; choose another folder") from None
    check_writable(directory / "bench.png")


def plan_of(request: Request) -> Plan:
    """What the options ask for. Raises UnknownName and InvalidModel."""
    for name in request.dtypes:
        if name not in DTYPES:
            raise UnknownName(f"dtype {name!r} is not timed; choose from {', '.join(DTYPES)}")
    if request.model and (request.shapes or request.dtypes):
        raise UnknownName("--model has its own shape and dtype: leave out --shape and --dtype")
    dtypes = request.dtypes or DTYPES
    shapes = choose_shapes(request.shapes)
    if request.model:
        problem = load_problem(request.model)
        shapes, dtypes = (Shape(name="model", model=request.model),), (problem.dtype,)
    free = (default_memory() - resident_bytes()) * 2
    memory = min(free // 3, MOST_MEMORY) if request.memory is None else int(request.memory * 2**30)
    return Plan(
        shapes=shapes,
        dtypes=dtypes,
        devices=choose_devices(request.devices),
        methods=tuple(by_names(request.methods)),
        seconds=request.time,
        threads=request.threads,
        memory=memory,
    )


class Progress:
    """Prints each problem when it is done; says what is going on meanwhile."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None
        self._started = self._spoken = time.monotonic()

    def __enter__(self) -> Progress:
        """Starts the live line where there is a terminal."""
        if self._console.is_terminal:
            self._status = self._console.status("starting")
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Takes the live line away."""
        if self._status:
            self._status.stop()

    def on_step(self, done: float, text: str) -> None:
        """Changes the live line, or prints one if the last is a while ago."""
        now = time.monotonic()
        line = f"{now - self._started:.0f} s, {done:.0%}: {text}"
        if self._status:
            self._status.update(line)
        elif now - self._spoken >= PLAIN_LINE_SECONDS:
            self._spoken = now
            self._console.print(line, highlight=False)

    def on_cell(self, cell: BenchCell) -> None:
        """Prints the table of a problem; points of a sweep are summed up in the end."""
        if not cell.axis:
            print_cell(cell, self._console)
