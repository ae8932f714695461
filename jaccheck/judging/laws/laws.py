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
from jaccheck.judging.laws.comparing import excess, outside, worst_entry
from jaccheck.judging.laws.globals import observe_globals, restore_globals
from jaccheck.judging.laws.identities import homogeneity, sum_over_samples
from jaccheck.judging.laws.pattern import pattern
from jaccheck.judging.laws.related import batch, freed_memory, outputs
from jaccheck.judging.laws.state import undeclared_changes
from jaccheck.judging.laws.structure import fault_of, first_line
from jaccheck.judging.laws.trial import LawBroken, Trial
from jaccheck.methods import Jacobians, Problem, first_overlap
from jaccheck.oracle import Array, arithmetic
from jaccheck.reports import Breach, Comparison, Outcome, Source, WorstEntry

Law = Callable[[Trial], None]


def agreement(trial: Trial) -> None:
    """Every entry is what a certificate says, or within its proven bound: of the closed form, and of autograd's."""
    expectation, witness = trial.witness.expectation(trial.method), trial.witness
    sources: list[tuple[Source, Array, Array]] = [(witness.form.source, witness.jacobian, expectation.bound)]
    if expectation.mode != "estimate":
        sources.append(("autograd", witness.autograd, expectation.bound + witness.reference_bound))
    contradicted: dict[Source, WorstEntry] = {}
    hint = ""
    for source, expected, bound in sources:
        trial.comparisons.append(
            Comparison(
                witness=source,
                mode=expectation.mode,
                entries=trial.flat.size,
                nonzero=witness.nonzero,
                undecided=expectation.undecided,
                excess=excess(trial.flat, expected, bound) if expectation.mode == "bound" else 0.0,
            )
        )
        if outside(trial.flat, expected, bound):
            contradicted[source] = worst_entry(witness.layout, trial.flat, expected, bound)
            hint = hint or pattern(witness.layout, trial.flat, expected, bound, arithmetic(witness.case.dtype).u)
    if contradicted:
        trial.is_contradicted = True
        worst = next(iter(contradicted.values()))
        by = " and ".join(contradicted) if len(contradicted) == len(sources) else f"{next(iter(contradicted))} alone"
        message = f"{worst}, says {by}{hint and f'; {hint}'}"
        raise LawBroken(Breach(law="agreement", outcome=Outcome.DISAGREES, message=message, worst=worst))


def purity(trial: Trial) -> None:
    """Parameters, input, flags, hooks, random state, torch's globals: as before, but for what is declared."""
    changes = undeclared_changes(trial.before, trial.after, trial.method.leaves)
    changes += trial.witness.changed_values(trial.problem)
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
    witness = trial.witness.changed
    changed = _renewed(trial.problem, witness.problem())
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
        restore_globals(trial.before["torch"], observe_globals(trial.witness.device))
    trial.again_seconds += time.perf_counter() - started
    first = flattened(trial.jacobians)
    if not np.array_equal(first, trial.flat, equal_nan=True):
        worst = worst_entry(trial.witness.layout, first, trial.flat, np.zeros_like(first))
        raise LawBroken(
            Breach(
                law="repeatability",
                outcome=Outcome.SIDE_EFFECT,
                message=f"a second call changed the result of the first: {worst}",
                worst=worst,
            )
        )
    fault = fault_of(trial.witness, again)
    if fault:
        raise LawBroken(Breach(law="repeatability", outcome=Outcome.DISAGREES, message=f"second call: {fault}"))
    flat, bound = flattened(again), witness.expectation(trial.method).bound
    first_bound = trial.witness.expectation(trial.method).bound
    if outside(flat, witness.jacobian, bound) and not outside(trial.flat, trial.witness.jacobian, first_bound):
        worst = worst_entry(witness.layout, flat, witness.jacobian, bound)
        message = f"second call on the same model, batch reversed, last weight negated: {worst}"
        raise LawBroken(Breach(law="repeatability", outcome=Outcome.DISAGREES, message=message, worst=worst))


def given_memory(trial: Trial) -> None:
    """A method that takes `out` writes every entry of it, whatever was there before, and returns those very tensors."""
    if not trial.method.takes_out:
        return
    witness = trial.witness
    problem = witness.problem()
    given = filled_with_nan(problem, as_columns=is_given_columns(trial.case))
    started = time.perf_counter()
    try:
        returned = trial.method.compute(problem, out=dict(given))
    except Exception as error:
        message = f"a call with given memory raised {type(error).__name__}: {first_line(error)}"
        raise LawBroken(Breach(law="given memory", outcome=Outcome.CRASHED, message=message)) from None
    finally:
        restore_globals(trial.before["torch"], observe_globals(witness.device))
    trial.again_seconds += time.perf_counter() - started
    fault = fault_of(witness, returned)
    if not fault and any(returned[name] is not given[name] for name in given):
        fault = "returned other tensors than those given"
    if fault:
        raise LawBroken(Breach(law="given memory", outcome=Outcome.DISAGREES, message=f"given memory: {fault}"))
    flat, bound = flattened(given), witness.expectation(trial.method).bound
    if outside(flat, witness.jacobian, bound) and not outside(trial.flat, witness.jacobian, bound):
        worst = worst_entry(witness.layout, flat, witness.jacobian, bound)
        message = f"given memory that held NaN: {worst}"
        raise LawBroken(Breach(law="given memory", outcome=Outcome.DISAGREES, message=message, worst=worst))


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
