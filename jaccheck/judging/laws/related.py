"""Laws that call a method on a problem made of the same numbers: another batch of them, another head on the network.

They see what one call and a repeated one cannot: a result that hangs on which samples are in the batch and how many, or
that is kept for the next call as long as weights and input stay the same.
"""

from __future__ import annotations

import gc
import time
import weakref
from dataclasses import replace
from math import prod

import numpy as np
import torch
from torch import nn

from jaccheck.case import Case, Flatten
from jaccheck.judging.comparison import compare
from jaccheck.judging.laws.globals import observe_globals, restore_globals
from jaccheck.judging.laws.structure import first_line
from jaccheck.judging.laws.trial import LawBroken, Trial
from jaccheck.methods import Jacobians, Problem, linear
from jaccheck.oracle import Array, Layout
from jaccheck.reports import Breach, Outcome


def batch(trial: Trial) -> None:
    """The rows of a batch that is put together anew, rotated and with one sample twice, are those of its samples."""
    samples = rotated(trial.reference.layout.N)
    if not samples:
        return
    problem = trial.reference.problem()
    X = problem.X.detach()[samples].requires_grad_(problem.X.requires_grad)
    _compare(trial, "batch", Problem(problem.model, X, problem.C), samples, [(c, 1) for c in range(problem.C)])


def outputs(trial: Trial) -> None:
    """With a frozen Linear on top that takes some outputs in another order and turns signs, J does the same."""
    if not has_head(trial.case):
        return
    problem = trial.reference.problem()
    chosen = turned(problem.C)
    assert isinstance(problem.model, nn.Sequential)
    problem.model.append(head(chosen, problem))
    topped = Problem(problem.model, problem.X, len(chosen))
    if not trial.method.refuses(topped):
        _compare(trial, "outputs", topped, list(range(problem.N)), chosen)


def freed_memory(trial: Trial) -> None:
    """A network and each of its modules is freed once nobody holds it but its Jacobians; a cycle counts as freed."""
    is_collecting = gc.isenabled()
    # What the call leaves in cycles stays among the youngest objects, where it is found at once.
    gc.disable()
    try:
        problem = trial.reference.problem()
        kept = _called(trial, "freed memory", problem)
        modules = {path: weakref.ref(module) for path, module in problem.model.named_modules()}
        del problem
        if _held(modules):
            gc.collect(0)
        if _held(modules):
            gc.collect()
    finally:
        if is_collecting:
            gc.enable()
    if held := _held(modules):
        what = "the network" if "" in held else f"its module {held[0]}"
        message = f"{what} is held in memory after the call, beside {len(kept)} Jacobians"
        raise LawBroken(Breach(law="freed memory", outcome=Outcome.SIDE_EFFECT, message=message))


def _held(modules: dict[str, weakref.ref[nn.Module]]) -> list[str]:
    return [path for path, module in modules.items() if module() is not None]


def rotated(N: int) -> list[int]:
    """Which samples the law of batches takes: all, from the middle on, then the first of them once more."""
    return [*range(N // 2, N), *range(N // 2), N // 2] if N else []


def turned(C: int) -> list[tuple[int, int]]:
    """Which outputs the law of outputs takes, and with which sign: from the last to the second, or the only one."""
    return [(c, -1 if (C - c) % 2 else 1) for c in range(C - 1, 0, -1)] or [(0, -1)]


def has_head(case: Case) -> bool:
    """Whether a Linear can follow: not on output of shape `[N]`."""
    last = case.layers[-1]
    return not (isinstance(last, Flatten) and last.start_dim == 0)


def head(chosen: list[tuple[int, int]], problem: Problem) -> nn.Linear:
    """A Linear without bias, frozen, that gives these outputs with these signs."""
    weight = torch.zeros(len(chosen), problem.C)
    for row, (output, sign) in enumerate(chosen):
        weight[row, output] = sign
    one = next(problem.model.parameters())
    made = linear(nn.Parameter(weight.to(one.device, one.dtype), requires_grad=False), None)
    made.train(False)
    return made


def _compare(trial: Trial, law: str, problem: Problem, samples: list[int], chosen: list[tuple[int, int]]) -> None:
    """Holds the result to the closed form's rows: products with ±1 and sums with zeros round nothing."""
    reference = trial.reference
    found = _called(trial, law, problem)
    layout = Layout(len(samples), len(chosen), reference.layout.shapes)
    expectation = reference.expectation(trial.method, rows=(layout.N, layout.C))
    unsigned = [(c, 1) for c, _ in chosen]
    expected = replace(
        expectation,
        layout=layout,
        expected=_taken(reference.layout, expectation.expected, samples, chosen),
        bound=_taken(reference.layout, expectation.bound, samples, unsigned),
    )
    difference = compare(found, expected)
    if difference and (difference.structure or trial.is_within):
        message = f"{_WHAT[law]}: {difference}"
        raise LawBroken(Breach(law=law, outcome=Outcome.DISAGREES, message=message, worst=difference.worst))


_WHAT = {
    "batch": "batch rotated, its first sample twice",
    "outputs": "a frozen Linear on top that reverses the outputs, turns signs and leaves the first out",
}


def _called(trial: Trial, law: str, problem: Problem) -> Jacobians:
    started = time.perf_counter()
    try:
        return trial.method.compute(problem)
    except Exception as error:
        what = _WHAT.get(law, "a call on a new network")
        message = f"{what}: raised {type(error).__name__}: {first_line(error)}"
        raise LawBroken(Breach(law=law, outcome=Outcome.CRASHED, message=message)) from None
    finally:
        restore_globals(trial.before["torch"], observe_globals(trial.reference.device))
        trial.again_seconds += time.perf_counter() - started


def _taken(layout: Layout, flat: Array, samples: list[int], chosen: list[tuple[int, int]]) -> Array:
    """These samples' and outputs' entries of a flat vector, with these signs."""
    rows = np.ix_(np.array(samples, dtype=np.int64), np.array([c for c, _ in chosen]))
    signs = np.array([sign for _, sign in chosen])[:, None]
    parts = [
        (flat[part].reshape(layout.N, layout.C, prod(layout.shapes[name]))[rows] * signs).ravel()
        for name, part in layout.offsets().items()
    ]
    return np.concatenate(parts) if parts else np.zeros(0)
