"""`jaccheck matrix`: what works with which layer, measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import click

from jaccheck import case, rendering, reports, runs
from jaccheck.cli import options
from jaccheck.cli.command import Option, command
from jaccheck.cli.places import check_scheduler, cluster_at
from jaccheck.cli.progress import Progress
from jaccheck.cli.writing import MATRIX, report_option, writer
from jaccheck.core import chosen, plural, printable
from jaccheck.errors import InvalidRequest

Show = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Measure the support matrix: every method on every layer and option, in every dtype, on every device.

    Right, wrong, refused beforehand, crashed, undecided, or right but with something left behind.
    """

    methods: options.MethodNames = ()
    dtypes: Annotated[
        tuple[str, ...], Option("--dtype", "NAME", offers=options.DTYPE_NAMES, help="Only this dtype. Repeatable.")
    ] = ()
    devices: options.DeviceNames = ()
    scheduler: options.Scheduler = None
    wait: options.Wait = options.WAIT
    reports: Annotated[tuple[Path, ...], report_option(MATRIX)] = ()
    every: Annotated[bool, Option("--all", help="Print every cell, as Markdown, not only what is not right.")] = False
    compare: Annotated[
        Path | None,
        Option(
            "--compare",
            "PATH",
            type=click.Path(path_type=Path, dir_okay=False),
            help="Print the cells that differ from this JSON, of what is measured; exit code 1 where one does.",
        ),
    ] = None


@command("matrix", "Measure what works with which layer.")
def run(request: Request) -> int:
    """Measures and prints the matrix; 1 where it differs from the one to compare with."""
    write = writer(request.reports, MATRIX)
    check_scheduler(request.scheduler)
    since = reports.load(reports.MatrixReport, request.compare) if request.compare else None
    asked = runs.MatrixRequest(methods=request.methods, dtypes=request.dtypes, devices=request.devices)
    chosen("dtype", request.dtypes, case.DTYPES)
    console = rendering.make_console()
    with Progress(console) as progress:
        progress.tell("loading torch and the methods")
        found = _measured(request, asked, lambda done, rows, now: progress.show(done, rows, "rows", now=now))
    if not found.cells:
        raise InvalidRequest("nothing was measured: no row of the matrix is of what was asked for")
    write(found)
    if since is None:
        if request.every:
            print(rendering.matrix_markdown(found), end="")
        else:
            rendering.print_matrix(found, console)
        return 0
    since = since.only(
        methods={cell.method for cell in found.cells if request.methods},
        dtypes=request.dtypes,
        devices={cell.device for cell in found.cells if request.devices},
    )
    changes = list(found.changes(since))
    for change in changes:
        print(printable(str(change)))
    differ = "differs" if len(changes) == 1 else "differ"
    cells = {cell.place for cell in (*since.cells, *found.cells)}
    print(f"{len(changes):,} of {plural(len(cells), 'cell')} {differ} from {request.compare}")
    return int(bool(changes))


def _measured(
    request: Request, asked: runs.MatrixRequest, show: Callable[[int, int, str], None]
) -> reports.MatrixReport:
    """The matrix, measured here or on a cluster."""
    if request.scheduler is None:
        return runs.measure(asked, show)
    with cluster_at(request.scheduler, request.wait) as cluster:
        return runs.measure_on(cluster, asked, show)
