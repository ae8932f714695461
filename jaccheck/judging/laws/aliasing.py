"""The law that results share memory with nothing; views that interleave in one buffer do not."""

from __future__ import annotations

from jaccheck.case import Case
from jaccheck.judging.laws.law import Law, When
from jaccheck.judging.laws.trial import Trial
from jaccheck.judging.scripts.entries import Ending, name_of
from jaccheck.methods import Method, first_overlap
from jaccheck.reports import Failure, Outcome, Place, SharedMemory


def _no_aliasing(trial: Trial) -> None:
    parameters = dict(trial.problem.model.named_parameters())
    owners = [(Place(role="Jacobian", name=name), jacobian) for name, jacobian in trial.jacobians.items()]
    own = len(owners)
    owners += [(Place(role="parameter", name=name), p) for name, p in parameters.items()]
    owners += [(Place(role="gradient", name=name), p.grad) for name, p in parameters.items() if p.grad is not None]
    owners.append((Place(role="input"), trial.problem.X))
    if shared := first_overlap(owners, own):
        raise NO_ALIASING.broken(Outcome.SIDE_EFFECT, SharedMemory(one=shared[0], other=shared[1]))


def _ending(case: Case, method: Method, failure: Failure) -> Ending:
    """Whether the two tensors have their entries in one storage."""
    assert isinstance(failure.detail, SharedMemory)
    storages = [
        f"{_expression(each)}.untyped_storage().data_ptr()" for each in (failure.detail.one, failure.detail.other)
    ]
    return Ending(
        [
            f"J = {name_of(method)}(problem)",
            f"print('actual  ', {' == '.join(storages)}, '(share memory)')",
            "print('expected', False, '(share memory)')",
        ]
    )


def _expression(place: Place) -> str:
    """How a script writes it."""
    match place.role:
        case "parameter":
            return f"model.get_parameter({place.name!r})"
        case "gradient":
            return f"model.get_parameter({place.name!r}).grad"
        case _:
            return str(place)


NO_ALIASING = Law(
    name="no aliasing",
    statement="no two Jacobians share memory, nor with a parameter, its gradient or the input",
    sees="right numbers that change later",
    when=When.ALWAYS,
    ask=_no_aliasing,
    ending=_ending,
)
