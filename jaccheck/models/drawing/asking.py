"""`draw`: a picture from a worker process, as plain data, so that what ends that process ends nothing else."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Literal

import numpy as np

from jaccheck.case import Case
from jaccheck.core import Allowed, ChildEnded, Count, Worker, free_memory, plain_data
from jaccheck.errors import InvalidModel
from jaccheck.rendering import Entry, Panel, Picture, Size, grid_of
from jaccheck.reports import Finding, Number, outcome_of


@plain_data
class DrawRequest:
    """One thing to draw: the model of a place, a case, or a finding; by these methods, in cells for this size."""

    methods: tuple[str, ...]
    device: str
    rows: Count
    columns: Count
    place: str = ""
    arguments: tuple[str, ...] = ()
    output: str | None = None
    parameters: tuple[str, ...] = ()
    batch_axis: tuple[str, ...] = ()
    case: Case | None = None
    finding: Finding | None = None


@plain_data
class DrawNote:
    """What is done now; `method` is the one that is called."""

    stage: str
    method: str = ""


@plain_data
class SentPanel:
    """One heat map; its values are the bytes of float64, in base64."""

    title: str
    kind: Literal["jacobian", "difference", "bounds"]
    values: str
    shape: tuple[Count, Count]
    limit: Number


@plain_data
class SentPicture:
    """A picture on its way to whoever draws it; the grid follows from the shapes."""

    title: str
    notes: tuple[str, ...]
    N: Count
    C: Count
    shapes: dict[str, tuple[Count, ...]]
    panels: tuple[SentPanel, ...]
    worst: Entry | None = None


def sent(picture: Picture) -> SentPicture:
    """The picture as plain data."""
    grid = picture.grid
    return SentPicture(
        title=picture.title,
        notes=picture.notes,
        N=grid.N,
        C=grid.C,
        shapes=grid.shapes,
        panels=tuple(
            SentPanel(
                title=panel.title,
                kind=panel.kind,
                values=base64.b64encode(panel.values.astype("<f8").tobytes()).decode(),
                shape=(panel.values.shape[0], panel.values.shape[1]),
                limit=panel.limit,
            )
            for panel in picture.panels
        ),
        worst=picture.worst,
    )


def received(sent: SentPicture, size: Size) -> Picture:
    """The picture again."""
    return Picture(
        title=sent.title,
        notes=sent.notes,
        grid=grid_of(sent.N, sent.C, sent.shapes, size),
        panels=tuple(
            Panel(
                title=panel.title,
                kind=panel.kind,
                values=np.frombuffer(base64.b64decode(panel.values), dtype="<f8").reshape(panel.shape),
                limit=panel.limit,
            )
            for panel in sent.panels
        ),
        worst=sent.worst,
    )


def draw(request: DrawRequest, seconds: float, tell: Callable[[str], None]) -> Picture:
    """The picture; each step may take so many seconds of the worker's own clock.

    Raises InvalidModel where the process ended or had to be ended, and whatever the worker complains of.
    """
    at = DrawNote(stage="loading torch")
    allowed = Allowed(seconds=seconds, memory=free_memory())

    def hear(note: DrawNote) -> Allowed:
        nonlocal at
        at = note
        tell(note.stage)
        return allowed

    with Worker("jaccheck.models.drawing.answering:answer", passes_on=True) as worker:
        try:
            found = worker.ask(request, SentPicture, allowed, note=DrawNote, hear=hear)
        except ChildEnded as error:
            outcome = outcome_of(error.end)
            what = f"{at.method}: {outcome}: {error}" if at.method else f"{outcome}: {error}, while {at.stage}"
            raise InvalidModel(f"{what}; there is nothing to draw") from None
    return received(found, Size(rows=request.rows, columns=request.columns))
