"""`jaccheck bench`: everything that can be refused is refused before the first call is timed."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from jaccheck import bench, core, methods, rendering, reports, selftest
from jaccheck.cli import bench_runs, options
from jaccheck.cli.codes import code_of
from jaccheck.cli.command import Option, command
from jaccheck.cli.early import check_place
from jaccheck.cli.progress import Progress
from jaccheck.cli.unwritten import write_report
from jaccheck.cli.writing import BENCH, report_option, writer
from jaccheck.errors import BrokenEnvironment, InvalidRequest, UnknownName, UnreadableFile

if TYPE_CHECKING:
    from rich.console import Console

DTYPES = ("float32", "float64")

SECONDS = options.Amount(min=1, max=core.MOST)

SHORT_S, LONG_S = 90.0, 900.0
"""For everything together, by default and with `--thorough`."""

MOST_MEMORY = 2**33
"""By default a call gets a third of what is free, and no more than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Which method is fastest? A race of all that are right, beside the time of filling the result's memory.

    Each method is judged on the very problem that it is timed on. Methods take turns, in memory fresh from the system
    and in memory that is there already; what is slower leaves, and a race ends when its order is known at 95 %.
    Ctrl-C ends a run with what was measured so far.
    """

    model: Annotated[
        str | None, Option("--model", "FILE.py:FUNCTION", help="A model of your own: the function returns (model, X).")
    ] = None
    shapes: Annotated[
        tuple[str, ...],
        Option(
            "--shape",
            "NAME",
            help="Only this shape: tutorial, small, cnn, deep, many_outputs, wide, large, or sweeps. Repeatable.  "
            "[default: tutorial, cnn, deep and wide]",
        ),
    ] = ()
    methods: options.MethodNames = ()
    dtypes: Annotated[
        tuple[str, ...], Option("--dtype", "NAME", help="float32 or float64. Repeatable.  [default: float32]")
    ] = ()
    devices: options.DeviceNames = ()
    time: Annotated[
        float | None,
        Option(
            "--time", "SECONDS", type=SECONDS, help="For everything together.  [default: 90, or 900 with --thorough]"
        ),
    ] = None
    thorough: Annotated[
        bool, Option("--thorough", help="All shapes and sweeps in both dtypes, and how times grow; in 15 minutes.")
    ] = False
    threads: Annotated[int, Option("--threads", "N", type=click.IntRange(1, 4096), help="Threads of torch.")] = 1
    clock: Annotated[
        str,
        Option(
            "--clock",
            "wall|cpu",
            type=click.Choice(["wall", "cpu"]),
            help="wall, or cpu: the processor's, which other programs disturb less.",
        ),
    ] = "wall"
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
    save: Annotated[
        str | None, Option("--save", "NAME", help="Save the run under a number and this name, in .jaccheck/bench.")
    ] = None
    compare: Annotated[
        str | None,
        Option(
            "--compare",
            "FILE|NUMBER",
            bare=bench_runs.LATEST,
            help="Beside an earlier report, or saved run; without a value beside the latest.",
        ),
    ] = None
    plots: Annotated[
        Path | None,
        Option("--plot", "DIR", type=click.Path(path_type=Path, file_okay=False), help="Write plots into DIR."),
    ] = None


@command("bench", "Time the methods side by side.")
def run(request: Request) -> int:
    """The exit code of a run: 0, or 1 where a method was wrong, or nothing could be timed."""
    write = writer(request.reports, BENCH)
    if request.save is not None:
        bench_runs.check_name(request.save)
    earlier = bench_runs.find_run(request.compare) if request.compare is not None else None
    if request.model:
        check_place(request.model)
    _check_dtypes(request)
    if request.plots:
        _check_plots(request.plots)
    plan = plan_of(request)
    if earlier:
        _check_comparable(plan, *earlier)
    if request.save is not None:
        bench_runs.check_folder(request.save)
    console = rendering.make_console()
    with Progress(console) as progress:
        report = bench.bench(plan, _Listener(progress, console))
    if report.growth:
        console.print(rendering.fitted(rendering.growth_table(report.growth), console))
    if earlier:
        since = bench.compare_reports(report, earlier[1], str(earlier[0]))
        report = replace(report, since=since)
        rendering.print_comparison(since, console)
    rendering.prose(console, rendering.bench_summary(report))
    write(report)
    if request.save is not None and report.cells:
        saved = bench_runs.next_path(request.save)
        write_report(report, saved, reports.as_json)
        console.print(f"saved: {saved}", highlight=False)
    if request.plots:
        for written in rendering.plot_bench(report, request.plots):
            console.print(f"written: {written}", highlight=False)
    return code_of(report)


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


def _check_comparable(plan: bench.Plan, path: Path, earlier: reports.BenchReport) -> None:
    """Refuses a report beside which nothing of this run could be put."""
    if earlier.clock != plan.clock:
        raise InvalidRequest(f"{path}: its clock is {earlier.clock!r}, that of this run {plan.clock!r}; give --clock")
    asked = {(s.shape.name, s.shape.network, s.dtype, s.device) for s in bench.stages(plan)}
    known = {bench.problem_of_cell(cell): cell for cell in earlier.cells}
    if not asked & known.keys():
        named = ", ".join(f"{shape} {dtype} on {device}" for shape, _, dtype, device in list(known)[:5]) or "none"
        raise InvalidRequest(f"{path}: has none of the problems of this run; it has {named}")
    methods = {m.method for cell in known.values() for m in cell.methods if m.fresh or m.reused}
    if not methods & set(plan.methods):
        raise InvalidRequest(f"{path}: has times of none of the methods of this run")


def _check_dtypes(request: Request) -> None:
    for name in request.dtypes:
        if name not in DTYPES:
            raise UnknownName(f"dtype {name!r} is not timed; choose from {', '.join(DTYPES)}")
    if request.model and (request.shapes or request.dtypes):
        raise UnknownName("--model has its own shape and dtype: leave out --shape and --dtype")


def plan_of(request: Request) -> bench.Plan:
    """What the options ask for. Raises UnknownName and InvalidModel."""
    _check_dtypes(request)
    dtypes = request.dtypes or (DTYPES if request.thorough else DTYPES[:1])
    shapes = bench.choose_shapes(request.shapes, is_thorough=request.thorough)
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
        seconds=request.time or (LONG_S if request.thorough else SHORT_S),
        threads=request.threads,
        memory=memory,
        clock="cpu" if request.clock == "cpu" else "wall",
    )
