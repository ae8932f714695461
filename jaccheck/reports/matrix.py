"""`MatrixReport`: what each method does with each layer and option, as plain data."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Literal

from jaccheck.core import plain_data
from jaccheck.reports.cluster import ClusterUse
from jaccheck.reports.outcome import Outcome
from jaccheck.reports.verify import Environment


@plain_data
class CellChange:
    """A cell that has another outcome than before; None where only one of two matrices has it."""

    group: str
    row: str
    method: str
    dtype: str
    device: str
    was: Outcome | None
    now: Outcome | None
    message: str = ""
    """Why it is what it is now."""

    def __str__(self) -> str:
        was, now = (outcome if outcome else "absent" for outcome in (self.was, self.now))
        why = f" ({self.message})" if self.message else ""
        return f"{self.method}, {self.group}: {self.row}, {self.dtype} on {self.device}: {was} -> {now}{why}"


@plain_data
class MatrixCell:
    """One method on one row, in one dtype on one device; `known` are the known issues that explain it."""

    group: str
    row: str
    method: str
    dtype: str
    device: str
    outcome: Outcome
    message: str = ""
    known: tuple[str, ...] = ()

    @property
    def place(self) -> tuple[str, str, str, str, str]:
        """What tells cells apart."""
        return self.group, self.row, self.method, self.dtype, self.device


@plain_data
class MatrixReport:
    """All cells, in the order of their rows, and what they were measured with."""

    kind: Literal["matrix"] = "matrix"
    schema_version: Literal[2] = 2
    environment: Environment
    cells: tuple[MatrixCell, ...]
    cluster: ClusterUse | None = None
    """How it was spread, where it was judged on a cluster."""

    def only(
        self, *, methods: Collection[str] = (), dtypes: Collection[str] = (), devices: Collection[str] = ()
    ) -> MatrixReport:
        """Its cells of these methods, dtypes and devices; of all, where none are named."""
        return replace(
            self,
            cells=tuple(
                cell
                for cell in self.cells
                if (not methods or cell.method in methods)
                and (not dtypes or cell.dtype in dtypes)
                and (not devices or cell.device in devices)
            ),
        )

    def changes(self, since: MatrixReport) -> Iterator[CellChange]:
        """Each cell that has another outcome, or that only one of the two has."""
        before, after = ({cell.place: cell for cell in report.cells} for report in (since, self))
        for place in dict.fromkeys((*before, *after)):
            old, new = before.get(place), after.get(place)
            was, now = (cell.outcome if cell else None for cell in (old, new))
            if was is not now:
                group, row, method, dtype, device = place
                yield CellChange(
                    group=group,
                    row=row,
                    method=method,
                    dtype=dtype,
                    device=device,
                    was=was,
                    now=now,
                    message=new.message if new else "",
                )
