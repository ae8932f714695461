"""`examine`: what must be known of a model before its Jacobians are compared with autograd's."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch

from jaccheck.core import some_are, text_of
from jaccheck.errors import InvalidModel
from jaccheck.judging.estimate import nan_outputs
from jaccheck.judging.laws.globals import observe_globals, restore_globals
from jaccheck.judging.live.contradiction import Heard, listen
from jaccheck.judging.live.dependence import check_dependence
from jaccheck.judging.live.gradient_dependence import check_gradients
from jaccheck.judging.live.settling import settled
from jaccheck.methods import Problem, Steadiness


@dataclass(frozen=True, slots=True)
class Examination:
    """The problem as it is judged, what a user must know of it, and why autograd is wrong on it, where it is."""

    problem: Problem
    notes: tuple[str, ...] = ()
    contradiction: str = ""


def examine(problem: Problem) -> Examination:
    """The problem of the model as it is after a forward pass, and whether a difference quotient contradicts autograd.

    Runs copies, some tens of forward passes, most of them of at most 64 samples. Raises InvalidModel for a model that
    keeps changing, or whose samples depend on each other, and says so of one that gives another output each time.
    """
    before = observe_globals(problem.device)
    try:
        with torch.inference_mode(False), torch.enable_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            problem, notes = settled(problem)
            steadiness = Steadiness(problem)
            try:
                notes += _dependence(problem)
                heard = _quotients(problem)
                if not heard.contradiction:
                    check_gradients(problem)
            except InvalidModel:
                steadiness.check()
                raise
            if heard.contradiction:
                steadiness.check()
    finally:
        restore_globals(before, observe_globals(problem.device))
    return Examination(problem, (*notes, *_without_value(problem), *heard.notes), heard.contradiction)


def _without_value(problem: Problem) -> tuple[str, ...]:
    """A note where outputs are NaN in the model's own dtype."""
    nowhere = nan_outputs(problem)
    if not nowhere.any():
        return ()
    n, c = (int(each[0]) for each in nowhere.nonzero())
    what = f"{some_are(int(nowhere.sum()), nowhere.size, 'output', 'outputs')} NaN, as output {c} of sample {n}"
    return (f"{what}: there is no derivative that could be compared",)


def _quotients(problem: Problem) -> Heard:
    try:
        return listen(problem)
    except (RuntimeError, TypeError, ValueError, NotImplementedError) as error:
        reason = f"{type(error).__name__}: {text_of(error)}".split("\n")[0]
        return Heard(notes=(f"no difference quotient was compared with autograd: {reason}",))


def _dependence(problem: Problem) -> tuple[str, ...]:
    """Nothing, or what kept one from seeing whether samples depend on each other. Raises InvalidModel where they do."""
    try:
        check_dependence(problem)
    except (RuntimeError, TypeError, NotImplementedError) as error:
        reason = f"{type(error).__name__}: {text_of(error)}".split("\n")[0]
        return (f"whether samples depend on each other was seen in outputs only, not to the last digits: {reason}",)
    return ()
