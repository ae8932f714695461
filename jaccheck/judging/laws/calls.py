"""Calls of a method that a law makes: timed, with what is global put back, an exception as a failure of the law."""

from __future__ import annotations

from time import perf_counter

from jaccheck.core import only_here
from jaccheck.judging.laws.law import Law
from jaccheck.judging.laws.purity import PURITY
from jaccheck.judging.laws.state import undeclared_changes
from jaccheck.judging.laws.trial import Trial
from jaccheck.methods import Jacobians, Problem, arrived
from jaccheck.reports import Outcome, changed, raised


def called(trial: Trial, law: Law, problem: Problem, call: str, *, out: Jacobians | None = None) -> Jacobians:
    """What the method returns on a problem. Raises LawBroken where it raises, or leaves something global behind that
    the first call has not left.

    `call` says which call it is.
    """
    started = perf_counter()
    try:
        with only_here():
            found = trial.method.compute(problem) if out is None else trial.method.compute(problem, out=out)
            arrived(found, trial.reference.device)
    except Exception as error:
        trial.around.look()
        raise law.broken(Outcome.CRASHED, raised(error), call=call) from None
    finally:
        trial.again_seconds += perf_counter() - started
    was, now = trial.around.look()
    told = {aspect for aspect, _ in undeclared_changes(trial.before, trial.after, trial.method.leaves)}
    if changes := [each for each in undeclared_changes(was, now, trial.method.leaves) if each[0] not in told]:
        raise PURITY.broken(Outcome.SIDE_EFFECT, changed(changes), call=call)
    return found
