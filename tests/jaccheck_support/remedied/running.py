"""How a method fares on a model of one's own: whether it crashes, and what is said to help then."""

from __future__ import annotations

from jaccheck.methods import Problem, calm_torch, copy_of, find_method
from jaccheck.models.remedies import remedy_of
from jaccheck.reports import raised
from jaccheck_support.remedied.written import Made


def problem_of(made: Made) -> Problem:
    model, X = made
    return Problem(model, X, model(X).detach()[0].numel())


def crash(method: str, made: Made) -> str:
    """How the method crashes on the model, in one line; empty where it does not."""
    problem = problem_of(made)
    try:
        with calm_torch():
            found = find_method(method).compute(copy_of(problem))
    except Exception as error:
        return str(raised(error))
    assert list(found) == list(problem.parameters)
    return ""


def told(method: str, made: Made, message: str | None = None) -> str:
    """What is said to help where the method crashes on the model, or with that message."""
    return remedy_of(find_method(method), crash(method, made) if message is None else message, problem_of(made))
