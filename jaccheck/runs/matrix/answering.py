"""Every method on every row of the matrix, in the process that may end of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from jaccheck.case import DTYPES, DType, MatrixRow, matrix_rows
from jaccheck.core import chosen
from jaccheck.errors import NotComputed
from jaccheck.judging import CaseReference, explained, judge
from jaccheck.methods import Method, calm_torch, choose_devices, choose_methods, describe_environment, has_dtype
from jaccheck.reports import Environment, MatrixCell, Outcome
from jaccheck.runs.matrix.asking import NOT_TRIED, MatrixNote, MatrixRequest

Tell = Callable[[MatrixNote], None]


def answer(request: MatrixRequest, tell: Tell) -> Environment:
    """What it was measured with; each cell is told as soon as it is there."""
    dtypes = chosen("dtype", request.dtypes, DTYPES)
    devices = choose_devices(request.devices)
    methods = [each for each in choose_methods(request.methods) if not each.only_of_losses]  # those refuse every row
    with calm_torch():
        rows = list(rows_of(tuple(devices), dtypes))
        for number, (row, dtype, device) in enumerate(rows[request.start : request.stop], start=request.start):
            left_out = request.left_out if number == request.start else ()
            for note in _row(row, dtype, device, methods, request.given_up, left_out):
                tell(replace(note, row=number, rows=len(rows)))
    return describe_environment(dict.fromkeys(devices, ""))


def rows_of(devices: tuple[str, ...], dtypes: tuple[str, ...]) -> Iterator[tuple[MatrixRow, DType, str]]:
    """The rows, in order."""
    for device in devices:
        for dtype in (each for each in DTYPES if each in dtypes):
            if has_dtype(device, dtype):
                yield from ((row, dtype, device) for row in matrix_rows(dtype))


def _row(
    row: MatrixRow,
    dtype: str,
    device: str,
    methods: list[Method],
    given_up: tuple[str, ...],
    left_out: tuple[str, ...],
) -> Iterator[MatrixNote]:
    """What is called, before it is, and then its cell."""

    def begun(method: str, *methods: str) -> MatrixNote:
        return MatrixNote(begun=replace(place, method=method), methods=methods)

    def done(method: Method, outcome: Outcome, message: str = "", known: tuple[str, ...] = ()) -> MatrixNote:
        return MatrixNote(cell=replace(place, method=method.name, outcome=outcome, message=message, known=known))

    place = MatrixCell(group=row.group, row=row.name, method="", dtype=dtype, device=device, outcome=Outcome.NOT_RUN)
    yield begun("", *(method.name for method in methods))
    try:
        reference = CaseReference(row.case, device)
    except NotComputed as reason:
        yield from (done(method, Outcome.NOT_COMPUTED, str(reason)) for method in methods)
        return
    for method in methods:
        if method.name in left_out:
            continue
        if method.name in given_up:
            yield done(method, Outcome.NOT_RUN, NOT_TRIED)
            continue
        yield begun(method.name)
        verdict = judge(row.case, method, device=device, reference=reference)
        message = "" if verdict.outcome.is_usable else verdict.message
        yield done(method, verdict.gravest, message, explained(row.case, verdict).known)
