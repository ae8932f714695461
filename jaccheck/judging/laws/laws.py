"""The laws: what must hold of every method on every case. Each is a function that raises `LawBroken` or returns.

`structure` comes first; the others are asked only where it holds, and then all of them, so that one fault does not
hide another.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch

from jaccheck.case import Case
from jaccheck.judging.autograd import flattened
from jaccheck.judging.comparison import Difference, compare, compare_values, largest_test_ratio, worst_entry
from jaccheck.judging.laws.globals import observe_globals, restore_globals
from jaccheck.judging.laws.identities import homogeneity, sum_over_samples
from jaccheck.judging.laws.related import batch, freed_memory, outputs
from jaccheck.judging.laws.state import undeclared_changes
from jaccheck.judging.laws.structure import first_line
from jaccheck.judging.laws.trial import LawBroken, Trial
from jaccheck.judging.reference import Expectation
from jaccheck.methods import Jacobians, Problem, first_overlap
from jaccheck.reports import Breach, Comparison, Outcome, Source

Law = Callable[[Trial], None]


def agreement(trial: Trial) -> None:
    """Every entry is what a certificate says, or within its proven bound: of the closed form, and of autograd's."""
    compared = list(trial.reference.expectations(trial.method))
    differences: dict[Source, Difference] = {}
    for expectation in compared:
        trial.comparisons.append(_comparison(trial, expectation))
        if difference := compare_values(trial.flat, expectation):
            differences[expectation.source] = difference
    if differences:
        trial.is_contradicted = True
        worst = next(iter(differences.values())).worst
        hint = next((each.hint for each in differences.values() if each.hint), "")
        by = " and ".join(differences) if len(differences) == len(compared) else f"{next(iter(differences))} alone"
        message = f"{worst}, says {by}{hint and f'; {hint}'}"
        raise LawBroken(Breach(law="agreement", outcome=Outcome.DISAGREES, message=message, worst=worst))


def _comparison(trial: Trial, expectation: Expectation) -> Comparison:
    actual, is_bound = trial.flat, expectation.mode == "bound"
    return Comparison(
        reference=expectation.source,
        mode=expectation.mode,
        entries=actual.size,
        nonzero=trial.reference.nonzero,
        undecided=expectation.undecided,
        test_ratio=largest_test_ratio(actual, expectation.expected, expectation.bound) if is_bound else 0.0,
    )


def purity(trial: Trial) -> None:
    """Parameters, input, flags, hooks, random state, torch's globals: as before, but for what is declared."""
    changes = undeclared_changes(trial.before, trial.after, trial.method.leaves)
    changes += trial.reference.changed_values(trial.problem)
    if changes:
        more = f" and {len(changes) - 3} more" if len(changes) > 3 else ""
        raise LawBroken(Breach(law="purity", outcome=Outcome.SIDE_EFFECT, message="; ".join(changes[:3]) + more))


def no_aliasing(trial: Trial) -> None:
    """No Jacobian shares memory with another one, with a parameter, its gradient or the input."""
    owners = [(f"J[{name!r}]", jacobian) for name, jacobian in trial.jacobians.items()]
    own = len(owners)
    owners += [(name, p) for name, p in trial.problem.model.named_parameters()]
    owners += [(f"{name}.grad", p.grad) for name, p in trial.problem.model.named_parameters() if p.grad is not None]
    owners.append(("X", trial.problem.X))
    shared = first_overlap(owners, own)
    if shared:
        message = f"{shared[0]} shares memory with {shared[1]}"
        raise LawBroken(Breach(law="no aliasing", outcome=Outcome.SIDE_EFFECT, message=message))


def repeatability(trial: Trial) -> None:
    """A second call on the same model, with another batch and other weights, is right too and spares the first."""
    reference = trial.reference.changed
    changed = _renewed(trial.problem, reference.problem())
    started = time.perf_counter()
    try:
        again = trial.method.compute(changed)
    except Exception as error:
        raise LawBroken(
            Breach(
                law="repeatability",
                outcome=Outcome.CRASHED,
                message=f"a second call on the same model raised {type(error).__name__}: {first_line(error)}",
            )
        ) from None
    finally:
        restore_globals(trial.before["torch"], observe_globals(trial.reference.device))
    trial.again_seconds += time.perf_counter() - started
    first = flattened(trial.jacobians)
    if not np.array_equal(first, trial.flat, equal_nan=True):
        worst = worst_entry(trial.reference.layout, first, trial.flat, np.zeros_like(first))
        raise LawBroken(
            Breach(
                law="repeatability",
                outcome=Outcome.SIDE_EFFECT,
                message=f"a second call changed the result of the first: {worst}",
                worst=worst,
            )
        )
    difference = compare(again, reference.expectation(trial.method))
    if difference and (difference.structure or trial.is_within):
        message = f"second call on the same model, batch reversed, last weight negated: {difference}"
        raise LawBroken(Breach(law="repeatability", outcome=Outcome.DISAGREES, message=message, worst=difference.worst))


def given_memory(trial: Trial) -> None:
    """A method that takes `out` writes every entry of it, whatever was there before, and returns those very tensors."""
    if not trial.method.takes_out:
        return
    reference = trial.reference
    problem = reference.problem()
    given = filled_with_nan(problem, as_columns=is_given_columns(trial.case))
    started = time.perf_counter()
    try:
        returned = trial.method.compute(problem, out=dict(given))
    except Exception as error:
        message = f"a call with given memory raised {type(error).__name__}: {first_line(error)}"
        raise LawBroken(Breach(law="given memory", outcome=Outcome.CRASHED, message=message)) from None
    finally:
        restore_globals(trial.before["torch"], observe_globals(reference.device))
    trial.again_seconds += time.perf_counter() - started
    difference = compare(returned, reference.expectation(trial.method))
    if not (difference and difference.structure) and any(returned[name] is not given[name] for name in given):
        difference = Difference(structure="returned other tensors than those given")
    if difference and (difference.structure or trial.is_within):
        message = f"given memory that held NaN: {difference}"
        raise LawBroken(Breach(law="given memory", outcome=Outcome.DISAGREES, message=message, worst=difference.worst))


def is_given_columns(case: Case) -> bool:
    """Whether the law of given memory hands over columns of one matrix, as it does for every other seed."""
    return case.seed % 2 == 1


def filled_with_nan(problem: Problem, *, as_columns: bool) -> Jacobians:
    """Memory for the Jacobians, full of NaN: each in a tensor of its own, or all as columns of one `(N, C, all θ)`."""
    θ, NC = problem.parameters, (problem.N, problem.C)
    if not as_columns:
        return {name: p.new_full((*NC, *p.shape), torch.nan, requires_grad=False) for name, p in θ.items()}
    widths = [p.numel() for p in θ.values()]
    matrix = next(iter(θ.values())).new_full((*NC, sum(widths)), torch.nan, requires_grad=False)
    columns = torch.split(matrix, widths, dim=2)
    return {name: part.view(*NC, *p.shape) for (name, p), part in zip(θ.items(), columns, strict=True)}


def _renewed(problem: Problem, fresh: Problem) -> Problem:
    """The same live network with the numbers of a fresh one, as after a step of an optimiser, and its batch."""
    values = dict(fresh.model.named_parameters())
    with torch.no_grad():
        for name, p in problem.model.named_parameters():
            if name in values:
                p.copy_(values[name])
    return Problem(problem.model, fresh.X, fresh.C)


LAWS: tuple[Law, ...] = (
    agreement,
    purity,
    no_aliasing,
    repeatability,
    given_memory,
    batch,
    outputs,
    freed_memory,
    sum_over_samples,
    homogeneity,
)
"""The laws that follow `structure`; purity and aliasing look at the model before `repeatability` calls again."""

CALLED_ONCE: tuple[Law, ...] = (agreement, purity, no_aliasing)
"""Those that are asked on every case: all that need one call and no more."""

REPEATED: tuple[Law, ...] = (*CALLED_ONCE, repeatability, given_memory, sum_over_samples, homogeneity)
"""With those that call the method again on the same network, and the identities, which cost a pass of their own."""

RELATED: tuple[Law, ...] = (batch, outputs, freed_memory)
"""Those that call it on a new network; what they see, any case shows."""

SELDOM = 16
"""Each of RELATED is asked on one case for so many on which a call is repeated."""


def laws_due(position: int, repeat_every: int) -> tuple[Law, ...]:
    """The laws that are asked of the case at a position in a run, so that costs are shared out evenly."""
    laws = REPEATED if position % repeat_every == 0 else CALLED_ONCE
    turn, is_off = divmod(position + repeat_every // 2, repeat_every)
    related = RELATED[turn % SELDOM : turn % SELDOM + 1] if not is_off else ()
    return (*laws, *related)
