"""The worker process of the command `check`: everything of the user's is loaded and run here, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

from jaccheck.bench import default_memory, keep_freed_memory
from jaccheck.core import loading
from jaccheck.methods import choice_of, choose_methods, load_late, load_model, named_loss, problem_of_given
from jaccheck.models.allowance import Allowance
from jaccheck.models.checking import check_problem, told_if_slow
from jaccheck.models.messages import LOOKING, CheckMessage, CheckRequest
from jaccheck.models.patience import limited
from jaccheck.reports import ModelReport


def answer(request: CheckRequest, tell: Callable[[CheckMessage], None]) -> ModelReport:
    """The report on the model of a place."""
    keep_freed_memory()
    with loading():
        load_late()  # which looking at a model needs
    if request.methods:
        tell(CheckMessage(stage=f"importing {', '.join(request.methods)}", is_loading=True))
    choose_methods(request.methods)
    tell(CheckMessage(stage=f"loading {request.place}", is_loading=True))
    choice = choice_of(request.output, request.parameters, request.batch_axis)
    loss = named_loss(request.loss, request.reduction) if request.loss else None
    given = load_model(request.place, request.arguments)
    tell(CheckMessage(stage=LOOKING, is_loading=True))
    with told_if_slow(request.seconds), limited(request.seconds) if request.is_first else nullcontext():
        problem = problem_of_given(request.place, given, choice, loss)
    allowance = Allowance(request.memory or default_memory(), request.seconds, can_stop=True)
    teller = _Teller(tell)
    return check_problem(problem, request.methods, allowance, teller, request.ended, is_timed=request.is_timed)


class _Teller:
    """Sends what a check says of how it goes."""

    def __init__(self, tell: Callable[[CheckMessage], None]) -> None:
        self._say = tell

    def on_stage(self, stage: str) -> None:
        self._say(CheckMessage(stage=stage))

    def on_start(self, parts: int, methods: int) -> None:
        self._say(CheckMessage(parts=parts, methods=methods))

    def on_method(self, done: int, parts: int, method: str) -> None:
        self._say(CheckMessage(done=done, parts=parts, method=method))

    def on_part(self, done: int, parts: int, entries: int) -> None:
        self._say(CheckMessage(done=done, parts=parts, entries=entries))
