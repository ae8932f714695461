"""Laws that call a method on a problem made of the same numbers: another batch of them, another head on the network.

They see what one call and a repeated one cannot: a result that hangs on which samples are in the batch and how many, or
that is kept for the next call as long as weights and input stay the same.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np
import torch
from torch import nn

from jaccheck.case import Case, Flatten
from jaccheck.judging.comparison import compare
from jaccheck.judging.laws.calls import called
from jaccheck.judging.laws.law import Law, NotAsked, When
from jaccheck.judging.laws.trial import Trial
from jaccheck.judging.scripts.entries import Ending, entry, expected_of, name_of, shapes
from jaccheck.methods import Method, Problem, linear
from jaccheck.oracle import Array, Layout
from jaccheck.reports import Failure, Outcome

ROTATED = "batch rotated, its first sample twice"
TURNED = "a frozen Linear on top that reverses the outputs, turns signs and leaves the first out"


def _batch(trial: Trial) -> None:
    samples = rotated(trial.reference.layout.N)
    if not samples:
        raise NotAsked
    problem = trial.reference.problem()
    X = problem.X.detach()[samples].requires_grad_(problem.X.requires_grad)
    anew = Problem(problem.model, X, problem.C)
    # Of a loss the mean of another batch divides by another number, which a method may refuse.
    if trial.method.refuses(anew):
        raise NotAsked
    _compare(trial, BATCH, ROTATED, anew, samples, [(c, 1) for c in range(problem.C)])


def _outputs(trial: Trial) -> None:
    if not has_head(trial.case):
        raise NotAsked
    problem = trial.reference.problem()
    chosen = turned(problem.C)
    assert isinstance(problem.model, nn.Sequential)
    problem.model.append(head(chosen, problem))
    topped = Problem(problem.model, problem.X, len(chosen))
    if trial.method.refuses(topped):
        raise NotAsked
    _compare(trial, OUTPUTS, TURNED, topped, list(range(problem.N)), chosen)


def rotated(N: int) -> list[int]:
    """Which samples the law of batches takes: all, from the middle on, then the first of them once more."""
    return [*range(N // 2, N), *range(N // 2), N // 2] if N else []


def turned(C: int) -> list[tuple[int, int]]:
    """Which outputs the law of outputs takes, and with which sign: from the last to the second, or the only one."""
    return [(c, -1 if (C - c) % 2 else 1) for c in range(C - 1, 0, -1)] or [(0, -1)]


def has_head(case: Case) -> bool:
    """Whether a Linear can follow: not on output of shape `[N]`, and not on a loss."""
    last = case.layers[-1]
    if case.loss is not None:
        return False
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


def _compare(
    trial: Trial, law: Law, call: str, problem: Problem, samples: list[int], chosen: list[tuple[int, int]]
) -> None:
    """Holds the result to the closed form's rows: products with ±1 and sums with zeros round nothing."""
    reference = trial.reference
    found = called(trial, law, problem, call)
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
        raise law.broken(Outcome.DISAGREES, difference.detail, call=call)


def _taken(layout: Layout, flat: Array, samples: list[int], chosen: list[tuple[int, int]]) -> Array:
    """These samples' and outputs' entries of a flat vector, with these signs."""
    rows = np.ix_(np.array(samples, dtype=np.int64), np.array([c for c, _ in chosen]))
    signs = np.array([sign for _, sign in chosen])[:, None]
    parts = [
        (flat[part].reshape(layout.N, layout.C, prod(layout.shapes[name]))[rows] * signs).ravel()
        for name, part in layout.offsets().items()
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def _batch_ending(case: Case, method: Method, failure: Failure) -> Ending:
    """The method called on the batch put together anew, after it was called on the batch as it is."""
    prepared = [
        f"J = {name_of(method)}(problem)",
        f"samples = {rotated(case.batch_size)}",
        "problem.model = make_model()",
        "problem.parameters = {name: p for name, p in problem.model.named_parameters() if p.requires_grad}",
        "problem.X = X.detach()[samples].requires_grad_(X.requires_grad)",
        "problem.N = len(samples)",
    ]
    return _ending(prepared, method, failure, "make_model()")


def _outputs_ending(case: Case, method: Method, failure: Failure) -> Ending:
    """The method called on the network with a head, after it was called on the network as it is."""
    chosen = turned(case.outputs)
    rows = [[sign * (c == output) for c in range(case.outputs)] for output, sign in chosen]
    prepared = [
        "def with_head(model):",
        f"    head = torch.nn.Linear({case.outputs}, {len(chosen)}, bias=False).to(X.device, torch.{case.dtype})",
        f"    head.weight.data.copy_(torch.tensor({rows}))",
        "    return model.append(head.requires_grad_(False).eval())",
        "",
        f"J = {name_of(method)}(problem)",
        "problem.model = with_head(make_model())",
        "problem.parameters = {name: p for name, p in problem.model.named_parameters() if p.requires_grad}",
        f"problem.C = {len(chosen)}",
    ]
    return _ending(prepared, method, failure, "with_head(make_model())")


def _ending(prepared: list[str], method: Method, failure: Failure, model: str) -> Ending:
    call = f"related = {name_of(method)}(problem)"
    if failure.outcome is Outcome.CRASHED:
        return Ending([*prepared, f"{call}  # {failure.message}"])
    if failure.worst is None:
        told = [
            line.replace("len(X)", "problem.N").replace("parameters.items", "problem.parameters.items")
            for line in shapes("related")
        ]
        return Ending([*prepared, call, *told])
    return Ending([*prepared, *expected_of(failure.worst, model, "problem.X"), call, *entry("related", failure.worst)])


BATCH = Law(
    name="batch",
    statement="with the samples rotated, and one of them twice, each sample has the same rows",
    sees="results that depend on the other samples or their number; rows cached by position",
    when=When.SELDOM,
    ask=_batch,
    ending=_batch_ending,
)
OUTPUTS = Law(
    name="outputs",
    statement="with a frozen Linear on top that reverses the outputs, changes signs and drops one, the Jacobian "
    "changes in the same way",
    sees="results cached by input and trainable weights; a last layer that is assumed to be the identity",
    when=When.SELDOM,
    ask=_outputs,
    ending=_outputs_ending,
)
