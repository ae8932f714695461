"""`measure_on`: the matrix, some rows at a time on the workers of a cluster, with the cells of one machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import groupby

from jaccheck.case import DTYPES
from jaccheck.core import chosen, from_json
from jaccheck.methods import choose_methods, describe_environment
from jaccheck.reports import MatrixCell, MatrixReport, Outcome
from jaccheck.runs.cluster.client import Cluster
from jaccheck.runs.matrix.answering import rows_of
from jaccheck.runs.matrix.asking import GIVEN_UP_AFTER, NOT_TRIED, MatrixPart, MatrixRequest, Show, answer_part, row_of

ROWS = 16
"""Rows of a part: the start of its process should take less time than they do."""


def measure_on(cluster: Cluster, request: MatrixRequest, show: Show) -> MatrixReport:
    """The matrix. Raises a JaccheckError where something that was asked for is not there."""
    choose_methods(request.methods)
    dtypes = chosen("dtype", request.dtypes, DTYPES)
    devices = tuple(cluster.choose_devices(request.devices))
    counts = {device: len(list(rows_of((device,), dtypes))) for device in devices}
    total = sum(counts.values())
    done, found = 0, dict[tuple[int, int], MatrixPart]()
    show(done, total, "")
    for place, device in enumerate(devices):
        for part, text in cluster.parts(answer_part, _parts(request, device, counts[device]), device):
            found[place, part.start] = from_json(MatrixPart, text, where="part of the matrix")
            done += (part.stop or 0) - part.start
            cells = found[place, part.start].cells
            show(done, total, f"{cells[-1].group}, {cells[-1].dtype} on {device}" if cells else "")
    return MatrixReport(
        environment=describe_environment(dict.fromkeys(devices, "")),
        cells=tuple(given_up(found[key] for key in sorted(found))),
        cluster=cluster.use,
    )


def given_up(parts: Iterable[MatrixPart]) -> Iterator[MatrixCell]:
    """The cells in the order of their rows, as one machine has them, which gives a method up after some processes.

    Each part gives up by itself. A method that has ended so many in the parts before is not run in the later ones.
    """
    ended: Counter[str] = Counter()
    for part in parts:
        places = {cell.place for cell in part.ended}
        for _, row in groupby(part.cells, key=row_of):
            over = {name for name, times in ended.items() if times >= GIVEN_UP_AFTER}
            for cell in row:
                if cell.method in over and cell.outcome is not Outcome.NOT_COMPUTED:
                    yield replace(cell, outcome=Outcome.NOT_RUN, message=NOT_TRIED, known=())
                else:
                    ended[cell.method] += cell.place in places
                    yield cell


def _parts(request: MatrixRequest, device: str, rows: int) -> Iterator[MatrixRequest]:
    part = partial(replace, request, devices=(device,))
    return (part(start=start, stop=min(start + ROWS, rows)) for start in range(0, rows, ROWS))
