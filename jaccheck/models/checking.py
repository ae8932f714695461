"""`check`: every method on a user's own model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from jaccheck.bench import default_memory
from jaccheck.core import checked, kept_out
from jaccheck.errors import InvalidModel, InvalidRequest
from jaccheck.judging import examine, observe_globals, restore_globals
from jaccheck.methods import (
    BatchAxis,
    Choice,
    Method,
    Problem,
    choose_methods,
    gradients_on,
    loss_of,
    loss_problem,
    problem_of,
    split_batch,
)
from jaccheck.models.allowance import Allowance
from jaccheck.models.messages import LOOKING, EndedMethod
from jaccheck.models.model_check import ModelCheck, silence
from jaccheck.models.patience import TooSlow
from jaccheck.models.supervised import Listener
from jaccheck.reports import ModelReport

SECONDS = 60.0
"""Time for everything unless told otherwise."""


class _Silent:
    def on_stage(self, stage: str) -> None: ...
    def on_start(self, parts: int, methods: int) -> None: ...
    def on_method(self, done: int, parts: int, method: str) -> None: ...
    def on_part(self, done: int, parts: int, entries: int) -> None: ...


@checked("listener")
def check(
    model: nn.Module,
    X: Any,
    *,
    output: str | int | None = None,
    parameters: Sequence[str] | str = (),
    batch_axis: BatchAxis = 0,
    targets: Tensor | None = None,
    loss: nn.Module | Callable[..., Tensor] | None = None,
    methods: Sequence[str | Method] = (),
    memory: int | None = None,
    seconds: float = SECONDS,
    listener: Listener | None = None,
) -> ModelReport:
    """What every method, or those named, does on this model and batch, and which one to use.

    X is a tensor `[N, ...]`, a tuple or list of inputs, or a dict of keywords; `output`, `parameters` and `batch_axis`
    choose among what there is, as in `jacobians`.
    Results are compared with the closed form and its proven bounds where every layer has a rule, else with autograd in
    float64 and an estimate of what rounding does; the report says which. What a call leaves changed is told beside the
    verdict on its values; it works on copies, and model and X stay as they are. `memory` is what this process may have
    in all, in bytes, by default half of what is free; larger Jacobians are compared part by part. `seconds` are for all
    of it; what was not done by then is said. A method that does not come back is ended by the command `check` only,
    which has a process of its own. Ctrl-C ends the check with what was done. With `targets` and `loss` the question are
    the per-sample gradients of `loss(model(X), targets)`, those of each sample alone; of a method that returns shares
    in the reduced loss the factor is taken out, so it must be the right one.
    Raises InvalidModel for a model that has no Jacobians to compare.
    """
    for name, given in (("memory", default_memory() if memory is None else memory), ("seconds", seconds)):
        if not (isinstance(given, int | float) and given > 0):
            raise InvalidRequest(f"{name}={given!r}: expected a number above 0")
    allowance = Allowance(memory or default_memory(), seconds)
    with silence():
        if loss is not None and targets is None:
            X, targets, _ = split_batch(model, X)
        choice = Choice(output=output, parameters=parameters, batch_axis=batch_axis)
        problem = problem_of(model, X, choice)
        if targets is not None or loss is not None:
            problem = replace(loss_problem(problem, targets, loss), notes=problem.notes)
    return check_problem(problem, methods, allowance, listener or _Silent())


def check_problem(
    problem: Problem,
    methods: Sequence[str | Method],
    allowance: Allowance,
    listener: Listener,
    ended: Sequence[EndedMethod] = (),
    *,
    is_timed: bool = True,
) -> ModelReport:
    """The same of a problem, within an allowance; methods that have `ended` a process before are not run."""
    if not problem.N:
        raise InvalidModel("X holds no sample: there is nothing to compare")
    if not problem.C:
        raise InvalidModel("the model has no output: there is nothing to compare")
    chosen = _chosen(methods) or _all_for(problem)
    before = observe_globals(problem.device)
    try:
        with kept_out(), gradients_on(), told_if_slow(allowance.seconds):
            listener.on_stage(LOOKING)
            with silence(), allowance.limited(allowance.left_s()):
                found = examine(problem)
            return ModelCheck(found, chosen, allowance, listener, ended, is_timed=is_timed).run()
    finally:
        restore_globals(before, observe_globals(problem.device))


@contextmanager
def told_if_slow(seconds: float) -> Iterator[None]:
    """Raises InvalidModel where what it takes to look at a model is stopped after so many seconds."""
    try:
        yield
    except TooSlow:
        raise InvalidModel(
            f"looking at the model alone takes more than {seconds:g} s: nothing was compared; give more time, "
            "or fewer samples"
        ) from None


def _chosen(methods: object) -> tuple[Method, ...]:
    """The methods of these names. Raises InvalidRequest for what is neither a name nor a Method."""
    each = (methods,) if isinstance(methods, str | Method) else methods
    if not isinstance(each, Sequence) or not all(isinstance(one, str | Method) for one in each):
        raise InvalidRequest(f"methods={methods!r}: expected names of methods or Methods, as in ('vmap_vjp',)")
    return tuple(found for one in each for found in ((one,) if isinstance(one, Method) else choose_methods([one])))


def _all_for(problem: Problem) -> tuple[Method, ...]:
    """Every method; those that take the loss itself only where there is one."""
    return tuple(m for m in choose_methods([]) if loss_of(problem) or not m.only_of_losses)
