"""`plot`: the Jacobians of a model, a case or a finding as a matplotlib figure, for notebooks and scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from torch import nn

from jaccheck.case import Case
from jaccheck.core import checked
from jaccheck.errors import InvalidRequest
from jaccheck.methods import BatchAxis, Choice, Method, problem_of
from jaccheck.models.sources import methods_of, picture_of_case, picture_of_finding, picture_of_model
from jaccheck.rendering import Picture, draw_picture, require_matplotlib
from jaccheck.reports import Finding

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@checked("methods")
def plot(
    what: nn.Module | Case | Finding,
    X: Any = None,
    *,
    output: str | int | None = None,
    parameters: Sequence[str] | str = (),
    batch_axis: BatchAxis = 0,
    methods: Sequence[str | Method] = (),
    figure: Figure | None = None,
) -> Figure:
    """The figure of the Jacobians of a model and its batch X, of a case or of a finding, as rows samples × outputs.

    With one of `methods`, it is drawn beside the closed form (or autograd, where a layer has no rule); with two, beside
    each other; with the difference in units of the proven bound. `output`,
    `parameters` and `batch_axis` are those of `jacobians`. A finding brings its method. Draws into `figure`,
    cleared, where one is given. Raises InvalidRequest where there is nothing to draw, BrokenEnvironment without
    matplotlib.
    """
    require_matplotlib()
    from matplotlib.figure import FigureBase

    if not isinstance(figure, FigureBase | None):
        raise InvalidRequest(f"plot(figure={type(figure).__name__}): expected a matplotlib figure")
    choice = Choice(output=output, parameters=parameters, batch_axis=batch_axis)
    return draw_picture(_picture(what, X, methods, choice), figure)


def _picture(what: nn.Module | Case | Finding, X: Any, methods: Sequence[str | Method], choice: Choice) -> Picture:
    chosen = tuple(m for each in methods for m in ((each,) if isinstance(each, Method) else methods_of([each])))
    if len(chosen) > 2:
        raise InvalidRequest(f"methods {', '.join(m.name for m in chosen)}: a picture has one, or two")
    if isinstance(what, nn.Module):
        if X is None:
            raise InvalidRequest("plot(model) lacks its batch: expected plot(model, X)")
        return picture_of_model(problem_of(what, X, choice), chosen)
    if choice != Choice():
        raise InvalidRequest(f"plot({type(what).__name__}): output, parameters and batch_axis go with a model only")
    if X is not None:
        raise InvalidRequest(f"plot({type(what).__name__}, X): X goes with a model only")
    if isinstance(what, Case):
        return picture_of_case(what, chosen)
    if not isinstance(what, Finding):
        raise InvalidRequest(f"plot({type(what).__name__}): expected a model and X, a Case, or a Finding")
    if chosen:
        raise InvalidRequest(f"methods={[m.name for m in chosen]}: a finding is drawn with its own, {what.method}")
    return picture_of_finding(what)
