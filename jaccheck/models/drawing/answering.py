"""The picture that was asked for, in the process that may end of it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any

from jaccheck.methods import Method, choice_of, choose_devices, load_problem
from jaccheck.models.drawing.asking import DrawNote, DrawRequest, SentPicture, sent
from jaccheck.models.sources import methods_of, picture_of_case, picture_of_finding, picture_of_model
from jaccheck.rendering import Picture, Size
from jaccheck.selftest import choose_stored

Tell = Callable[[DrawNote], None]


def answer(request: DrawRequest, tell: Tell) -> SentPicture:
    """The picture as plain data."""
    choose_devices([request.device])
    if request.methods:
        tell(DrawNote(stage=f"importing {', '.join(request.methods)}"))
    methods = tuple(_telling(method, tell) for method in methods_of(request.methods))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return sent(_picture(request, methods, tell))


def _picture(request: DrawRequest, methods: tuple[Method, ...], tell: Tell) -> Picture:
    size = Size(rows=request.rows, columns=request.columns)
    if request.place:
        tell(DrawNote(stage=f"loading {request.place}"))
        choice = choice_of(request.output, request.parameters, request.batch_axis)
        problem = load_problem(request.place, request.arguments, choice)
        tell(DrawNote(stage="computing what it is drawn beside"))
        return picture_of_model(problem, methods, size=size)
    if request.case is not None:
        tell(DrawNote(stage="computing what it is drawn beside"))
        return picture_of_case(request.case, methods, device=request.device, size=size)
    assert request.finding is not None
    tell(DrawNote(stage=f"looking for {request.finding.method}"))
    return picture_of_finding(request.finding, _telling(choose_stored(request.finding.method), tell), size=size)


def _telling(method: Method, tell: Tell) -> Method:
    """The method, which says that it is called before it is, and when it has come back."""

    @wraps(method.compute)
    def compute(*given: Any, **options: Any) -> Any:
        tell(DrawNote(stage=f"calling {method.name}", method=method.name))
        found = method.compute(*given, **options)
        tell(DrawNote(stage="drawing"))
        return found

    return replace(method, compute=compute)
