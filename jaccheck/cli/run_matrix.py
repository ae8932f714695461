"""`jaccheck matrix`: what works with which layer, measured."""

from __future__ import annotations

import warnings
from pathlib import Path

from rich.console import Console
from rich.progress import track

from jaccheck.case import DTYPES, DType, MatrixRow, matrix_rows
from jaccheck.cli.writing import MATRIX, writer
from jaccheck.core import chosen, plain_data, printable
from jaccheck.errors import NotComputed
from jaccheck.judging import CaseReference, explained, judge
from jaccheck.methods import Method, calm_torch, choose_devices, choose_methods, describe_environment, has_dtype
from jaccheck.rendering import make_console, matrix_markdown
from jaccheck.reports import MatrixCell, MatrixReport, Outcome, load


@plain_data
class Request:
    """What was asked for."""

    methods: tuple[str, ...]
    dtypes: tuple[str, ...]
    devices: tuple[str, ...]
    reports: tuple[Path, ...]
    compare: Path | None


def run(request: Request) -> int:
    """Measures and prints the matrix; 1 where it differs from the one to compare with."""
    console = make_console()
    write = writer(request.reports, MATRIX)
    since = load(MatrixReport, request.compare) if request.compare else None
    dtypes = chosen("dtype", request.dtypes, DTYPES)
    devices = choose_devices(request.devices)
    found = measure(choose_methods(request.methods), dtypes, tuple(devices), console)
    write(found)
    if since is None:
        print(matrix_markdown(found), end="")
        return 0
    changes = list(found.changes(since))
    for change in changes:
        print(printable(str(change)))
    print(f"{len(changes)} of {len(found.cells):,} cells differ from {request.compare}")
    return int(bool(changes))


def measure(
    methods: tuple[Method, ...], dtypes: tuple[str, ...], devices: tuple[str, ...], console: Console
) -> MatrixReport:
    """Every method on every probe."""
    cells: list[MatrixCell] = []
    rows = [
        (probe, dtype, device)
        for device in devices
        for dtype in dtypes
        if has_dtype(device, dtype)
        for probe in matrix_rows(_dtype(dtype))
    ]
    with calm_torch(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bar = track(rows, description="measuring", console=console, transient=True, disable=not console.is_terminal)
        for probe, dtype, device in bar:
            cells += _row(probe, dtype, device, methods)
    return MatrixReport(environment=describe_environment(dict.fromkeys(devices, "")), cells=tuple(cells))


def _dtype(name: str) -> DType:
    return next(dtype for dtype in DTYPES if dtype == name)


def _row(probe: MatrixRow, dtype: str, device: str, methods: tuple[Method, ...]) -> list[MatrixCell]:
    def cell(method: Method, outcome: Outcome, message: str = "", known: tuple[str, ...] = ()) -> MatrixCell:
        return MatrixCell(
            group=probe.group,
            row=probe.name,
            method=method.name,
            dtype=dtype,
            device=device,
            outcome=outcome,
            message=message,
            known=known,
        )

    try:
        reference = CaseReference(probe.case, device)
    except NotComputed as reason:
        return [cell(method, Outcome.NOT_COMPUTED, str(reason)) for method in methods]
    cells = []
    for method in methods:
        verdict = judge(probe.case, method, device=device, reference=reference)
        message = "" if verdict.outcome.is_usable else verdict.message
        cells.append(cell(method, verdict.gravest, message, explained(probe.case, verdict).known))
    return cells
