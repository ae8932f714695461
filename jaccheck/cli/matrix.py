"""`jaccheck matrix`: what works with which layer, measured."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import click

from jaccheck import case, judging, methods, rendering, reports
from jaccheck.cli import options
from jaccheck.cli.command import Option, command
from jaccheck.cli.progress import Progress
from jaccheck.cli.writing import MATRIX, report_option, writer
from jaccheck.core import chosen, printable
from jaccheck.errors import NotComputed


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
    reports: Annotated[tuple[Path, ...], report_option(MATRIX)] = ()
    compare: Annotated[
        Path | None,
        Option(
            "--compare",
            "PATH",
            type=click.Path(path_type=Path, dir_okay=False),
            help="Print the cells that differ from this JSON; 1 if any do.",
        ),
    ] = None


@command("matrix", "Measure what works with which layer.")
def run(request: Request) -> int:
    """Measures and prints the matrix; 1 where it differs from the one to compare with."""
    write = writer(request.reports, MATRIX)
    since = reports.load(reports.MatrixReport, request.compare) if request.compare else None
    dtypes = chosen("dtype", request.dtypes, case.DTYPES)
    devices = methods.choose_devices(request.devices)
    with Progress(rendering.make_console()) as progress:
        found = measure(methods.choose_methods(request.methods), dtypes, tuple(devices), progress)
    write(found)
    if since is None:
        print(rendering.matrix_markdown(found), end="")
        return 0
    changes = list(found.changes(since))
    for change in changes:
        print(printable(str(change)))
    print(f"{len(changes)} of {len(found.cells):,} cells differ from {request.compare}")
    return int(bool(changes))


def measure(
    measured: tuple[methods.Method, ...], dtypes: tuple[str, ...], devices: tuple[str, ...], progress: Progress
) -> reports.MatrixReport:
    """Every method on every row."""
    cells: list[reports.MatrixCell] = []
    rows = [
        (row, dtype, device)
        for device in devices
        for dtype in dtypes
        if methods.has_dtype(device, dtype)
        for row in case.matrix_rows(_dtype(dtype))
    ]
    with methods.calm_torch(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for done, (row, dtype, device) in enumerate(rows):
            progress.show(done, len(rows), "rows", now=f"{row.group}: {row.name}, {dtype} on {device}")
            cells += _row(row, dtype, device, measured)
    environment = methods.describe_environment(dict.fromkeys(devices, ""))
    return reports.MatrixReport(environment=environment, cells=tuple(cells))


def _dtype(name: str) -> case.DType:
    return next(dtype for dtype in case.DTYPES if dtype == name)


def _row(
    row: case.MatrixRow, dtype: str, device: str, measured: tuple[methods.Method, ...]
) -> list[reports.MatrixCell]:
    def cell(
        method: methods.Method, outcome: reports.Outcome, message: str = "", known: tuple[str, ...] = ()
    ) -> reports.MatrixCell:
        return reports.MatrixCell(
            group=row.group,
            row=row.name,
            method=method.name,
            dtype=dtype,
            device=device,
            outcome=outcome,
            message=message,
            known=known,
        )

    try:
        reference = judging.CaseReference(row.case, device)
    except NotComputed as reason:
        return [cell(method, reports.Outcome.NOT_COMPUTED, str(reason)) for method in measured]
    cells = []
    for method in measured:
        verdict = judging.judge(row.case, method, device=device, reference=reference)
        message = "" if verdict.outcome.is_usable else verdict.message
        cells.append(cell(method, verdict.gravest, message, judging.explained(row.case, verdict).known))
    return cells
