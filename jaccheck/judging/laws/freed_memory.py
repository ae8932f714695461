"""The law that a method holds no network in memory."""

from __future__ import annotations

import gc
import weakref
from time import monotonic, sleep

from torch import nn

from jaccheck.case import Case
from jaccheck.judging.laws.calls import called
from jaccheck.judging.laws.law import Law, When
from jaccheck.judging.laws.trial import Trial
from jaccheck.judging.scripts.entries import Ending, name_of
from jaccheck.methods import Method
from jaccheck.reports import Failure, Held, Outcome

A_MOMENT = 1.0
"""Seconds in which another device's thread must have dropped what it held."""


def _freed_memory(trial: Trial) -> None:
    """A cycle counts as freed."""
    # What the call leaves in cycles stays among the youngest objects, where it is found at once.
    with trial.around.without_collector():
        problem = trial.reference.problem()
        kept = called(trial, FREED_MEMORY, problem, "a call on a new network")
        modules = {path: weakref.ref(module) for path, module in problem.model.named_modules()}
        del problem
        if _held(modules):
            gc.collect(0)
        if _held(modules):
            gc.collect()
    # The autograd thread of another device drops what it has run a moment after the backward pass has returned.
    until = monotonic() + (0 if trial.reference.device == "cpu" else A_MOMENT)
    while _held(modules) and monotonic() < until:
        sleep(0.002)
    if held := _held(modules):
        # The network itself comes first, under the path "".
        raise FREED_MEMORY.broken(Outcome.SIDE_EFFECT, Held(module=held[0], jacobians=len(kept)))


def _held(modules: dict[str, weakref.ref[nn.Module]]) -> list[str]:
    return [path for path, module in modules.items() if module() is not None]


def _ending(case: Case, method: Method, failure: Failure) -> Ending:
    """A reference that keeps nothing alive, after all others are gone."""
    if failure.outcome is Outcome.CRASHED:
        return Ending([f"J = {name_of(method)}(problem)  # {failure.message}"])
    lines = [
        f"J = {name_of(method)}(problem)",
        "kept = [weakref.ref(module) for module in model.modules()]",
        "del model, problem, parameters",
        "gc.collect()",
        "print('actual  ', 'held in memory' if any(each() is not None for each in kept) else 'freed')",
        "print('expected', 'freed')",
    ]
    return Ending(lines, ("import gc", "import weakref"))


FREED_MEMORY = Law(
    name="freed memory",
    statement="without references the network and each of its modules are freed, even while its Jacobians live",
    sees="a cache, a global list, a result that holds its network",
    when=When.SELDOM,
    ask=_freed_memory,
    ending=_ending,
)
