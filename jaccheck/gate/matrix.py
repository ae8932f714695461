"""Rows of the support matrix among the cases of a gate, and the cells that differ with the candidate."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from jaccheck.case import DTYPES, FAMILIES, Case, DType, MatrixRow, matrix_rows
from jaccheck.gate.comparison import Entry
from jaccheck.reports import CellChange


def cases_of_rows(dtypes: tuple[str, ...]) -> Iterator[Case]:
    """The cases of the rows of the matrix, without the boundary cases, which a gate runs anyway."""
    for dtype in DTYPES:
        if dtype in dtypes:
            yield from (case for case in _rows(dtype) if case.family not in FAMILIES)


def cells_changed(case: Case, entry: Entry) -> Iterator[CellChange]:
    """What the support matrix says otherwise of the candidate, where the case is that of a row."""
    row = _rows(case.dtype).get(case)
    if row is None:
        return
    for pair in entry.pairs:
        was, now = (side.gravest if side else None for side in (pair.base, pair.candidate))
        if was is not now:
            yield CellChange(
                group=row.group,
                row=row.name,
                method=pair.method,
                dtype=case.dtype,
                device=entry.device,
                was=was,
                now=now,
                message=pair.candidate.message if pair.candidate else "",
            )


@cache
def _rows(dtype: DType) -> dict[Case, MatrixRow]:
    return {row.case: row for row in matrix_rows(dtype)}
