"""`jaccheck bench`: everything that can be refused is refused before the first call is timed."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from jaccheck import bench, core, methods, rendering, reports, selftest
from jaccheck.cli import options
from jaccheck.cli.command import Option, command
from jaccheck.cli.early import check_place
from jaccheck.cli.progress import Progress
from jaccheck.cli.writing import BENCH, report_option, writer
from jaccheck.errors import BrokenEnvironment, UnknownName, UnreadableFile

if TYPE_CHECKING:
    from rich.console import Console

DTYPES = ("float32", "float64")

SECONDS = options.Amount(min=1, max=options.MOST)

MOST_MEMORY = 2**33
"""By default a call gets a third of what is free, and no more than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Time every method that is right, and measure its memory, beside the time that filling that memory takes.

    Each method is judged on the very problem that it is timed on. Times are taken in turns, in memory fresh from the
    system and in memory that is there already. Ctrl-C ends a run with what was done so far.
    """

    model: Annotated[
        str | None, Option("--model", "FILE.py:FUNCTION", help="A model of your own: the function returns (model, X).")
    ] = None
    shapes: Annotated[
        tuple[str, ...],
        Option(
            "--shape",
            "NAME",
            help="Only this shape: tutorial, small, cnn, deep, many_outputs, wide, large, or sweeps. Repeatable.",
        ),
    ] = ()
    methods: options.MethodNames = ()
    dtypes: Annotated[tuple[str, ...], Option("--dtype", "NAME", help="Only float32 or float64. Repeatable.")] = ()
    devices: options.DeviceNames = ()
    time: Annotated[float, Option("--time", "SECONDS", type=SECONDS, help="For everything together.")] = 480.0
    threads: Annotated[int, Option("--threads", "N", type=click.IntRange(1, 4096), help="Threads of torch.")] = 1
    memory: Annotated[
        int | None,
        Option(
            "--memory",
            "SIZE",
            type=options.Size(),
            help="Most memory of one call, as in 2GiB.  [default: a third of what is free, at most 8GiB]",
        ),
    ] = None
    reports: Annotated[tuple[Path, ...], report_option(BENCH)] = ()
    plots: Annotated[
        Path | None,
        Option("--plot", "DIR", type=click.Path(path_type=Path, file_okay=False), help="Write plots into DIR."),
    ] = None


@command("bench", "Time the methods side by side.")
def run(request: Request) -> int:
    """The exit code of a run: 0, or 1 where a method was wrong, or nothing could be timed."""
    write = writer(request.reports, BENCH)
    if request.model:
        check_place(request.model)
    _check_dtypes(request)
    if request.plots:
        _check_plots(request.plots)
    plan = plan_of(request)
    console = rendering.make_console()
    with Progress(console) as progress:
        report = bench.bench(plan, _Listener(progress, console))
    if report.growth:
        console.print(rendering.fitted(rendering.growth_table(report.growth), console))
    rendering.prose(console, rendering.bench_summary(report))
    write(report)
    if request.plots:
        for written in rendering.plot_bench(report, request.plots):
            console.print(f"written: {written}", highlight=False)
    return int(report.found_something)


@dataclass(frozen=True, slots=True)
class _Listener:
    """Shows how far the plan is done, and prints each problem when it is."""

    progress: Progress
    console: Console

    def on_step(self, done: float, text: str) -> None:
        """So large a part of the plan is done, and this comes next."""
        self.progress.show(round(100 * done), 100, "%", now=text)

    def on_cell(self, cell: reports.BenchCell) -> None:
        """Prints the table of a problem; points of a sweep are summed up in the end."""
        if not cell.axis:
            rendering.print_cell(cell, self.console)


def _check_plots(directory: Path) -> None:
    if importlib.util.find_spec("matplotlib") is None:
        raise BrokenEnvironment(f"--plot needs matplotlib, which is not installed: {core.extra('plot')}")
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnreadableFile(f"{directory}: cannot be made: {error.strerror}; choose another folder") from None
    core.check_writable(directory / "bench.png")


def _check_dtypes(request: Request) -> None:
    for name in request.dtypes:
        if name not in DTYPES:
            raise UnknownName(f"dtype {name!r} is not timed; choose from {', '.join(DTYPES)}")
    if request.model and (request.shapes or request.dtypes):
        raise UnknownName("--model has its own shape and dtype: leave out --shape and --dtype")


def plan_of(request: Request) -> bench.Plan:
    """What the options ask for. Raises UnknownName and InvalidModel."""
    _check_dtypes(request)
    dtypes = request.dtypes or DTYPES
    shapes = bench.choose_shapes(request.shapes)
    if request.model:
        shapes = (bench.Shape(name="model", model=request.model),)
    free = (bench.default_memory() - bench.resident_bytes()) * 2
    memory = min(free // 3, MOST_MEMORY) if request.memory is None else request.memory
    if request.model:
        dtypes = (bench.dtype_of_model(shapes[0], memory, request.threads),)
    return bench.Plan(
        shapes=shapes,
        dtypes=dtypes,
        devices=methods.choose_devices(request.devices),
        methods=tuple(selftest.by_names(request.methods)),
        seconds=request.time,
        threads=request.threads,
        memory=memory,
    )
