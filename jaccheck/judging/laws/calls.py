"""Calls of a method that a law makes: timed, with torch's state put back, an exception as a failure of the law."""

from __future__ import annotations

import time

from jaccheck.judging.laws.globals import observe_globals, restore_globals
from jaccheck.judging.laws.law import Law
from jaccheck.judging.laws.trial import Trial
from jaccheck.methods import Jacobians, Problem
from jaccheck.reports import Outcome, raised


def called(trial: Trial, law: Law, problem: Problem, call: str, *, out: Jacobians | None = None) -> Jacobians:
    """What the method returns on a problem. Raises LawBroken where it raises; `call` says which call it is."""
    started = time.perf_counter()
    try:
        return trial.method.compute(problem) if out is None else trial.method.compute(problem, out=out)
    except Exception as error:
        raise law.broken(Outcome.CRASHED, raised(error), call=call) from None
    finally:
        restore_globals(trial.before["torch"], observe_globals(trial.reference.device))
        trial.again_seconds += time.perf_counter() - started
