"""Whether samples depend on each other, by more than rounding explains.

A step size that an adaptive solver shares among the samples of a batch moves outputs in the eighth digit, and Jacobians
by millions of times what rounding does. So the limit is no constant: some samples are run alone and in the batch, and
the difference is held against how far the output moves when every number on the way is moved by some roundings.
"""

from __future__ import annotations

import numpy as np
import torch

from jaccheck.errors import InvalidModel
from jaccheck.judging.known.operations import issue_of_samples, operations_of
from jaccheck.judging.live.subject import runs_in
from jaccheck.judging.stochastic_arithmetic import Moved, Moves, generator_for, moved_numbers
from jaccheck.methods import Problem, deep_copy, run
from jaccheck.oracle import Array
from jaccheck.reports import MAY_BE, told_apart

TRIED = 8
"""Samples that are run alone, spread evenly over the batch."""

ROUNDINGS, DRAWS = 16.0, 3
"""How far numbers are moved, in unit roundoffs, and how often."""

MORE = 24
"""Draws of the sample that stands out, at a second look. Right models are below a fifth of the limit then."""

OF_KERNELS = 2.0**-24
"""Of the largest output: a known issue of a kernel is no reason for more."""

LEAKS = 2.0**-30
"""Of the largest derivative by an input, which no kernel leaves where it should be zero."""


def check_dependence(problem: Problem) -> None:
    """Nothing, or InvalidModel where the output for a sample depends on the other samples.

    Runs copies that never ran, in float64 where the model does.
    """
    base, _, _ = runs_in(problem)
    batch = _rows(base)
    limits = _spread(base, batch, ROUNDINGS, DRAWS)
    for n in sorted({round(i * (base.N - 1) / (TRIED - 1)) for i in range(TRIED)}):
        sample = Problem(base.model, base.X[n : n + 1], base.C)
        alone, limit = _rows(sample)[0], limits[n]
        if not _is_within(alone, batch[n], limit):
            limit = np.maximum(limit, _spread(sample, alone[None], ROUNDINGS, MORE)[0])
            if not _is_within(alone, batch[n], limit):
                raise InvalidModel(_difference(sample, n, alone, batch[n], limit))
    _check_derivatives(base)


def _difference(sample: Problem, n: int, alone: Array, together: Array, limit: Array) -> str:
    with np.errstate(all="ignore"):
        times = np.nan_to_num(np.abs(alone - together) / limit, nan=np.inf)
    c = int(np.argmax(times))
    one, other = told_apart(float(alone[c]), float(together[c]), 12)
    issue = issue_of_samples(operations_of(sample))
    if issue and np.abs(alone - together).max() <= OF_KERNELS * np.abs(alone).max():
        return (
            f"output {c} of sample {n} is {one} when it is run alone and {other} in the batch, "
            f"{times[c]:.1e} × what rounding explains: {MAY_BE} {issue.id}, see `jaccheck known {issue.id}`"
        )
    return (
        f"output {c} of sample {n} is {one} when it is run alone and {other} in the batch, "
        f"{times[c]:.1e} × what rounding explains: samples depend on each other, as by statistics or a step size that "
        "the batch shares, so its Jacobian is another in the batch, too, and per-sample methods compute something else"
    )


def _is_within(one: Array, other: Array, limit: Array) -> bool:
    with np.errstate(invalid="ignore"):
        return bool(((np.abs(one - other) <= limit) | (one == other) | (np.isnan(one) & np.isnan(other))).all())


def _rows(problem: Problem) -> Array:
    f = run(deep_copy(problem.model), problem.X).detach()
    found: Array = f.double().cpu().numpy().reshape(problem.N, -1)
    return found


def _spread(base: Problem, f: Array, roundings: float, draws: int) -> Array:
    """How far each output moves at most, nowhere less than is typical of its sample; `f` are the outputs unmoved."""
    kinds = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
    sizes = {kind: roundings * torch.finfo(kind).eps / 2 for kind in kinds}
    widest = np.zeros_like(f)
    generator = generator_for(base.X.device, 0)
    for _ in range(draws):
        moves = Moves(sizes, generator)
        moved = Problem(deep_copy(base.model), base.X.clone(), base.C)
        with moved_numbers(moved, moves), Moved(moves):
            there = run(moved.model, moved.X).detach()
        change = np.abs(there.double().cpu().numpy().reshape(f.shape) - f)
        np.maximum(widest, np.nan_to_num(change, nan=np.inf), out=widest)
    typical = np.sqrt(np.mean(np.square(widest), axis=1, keepdims=True)) if widest.size else widest
    found: Array = np.maximum(widest, typical) + roundings * np.finfo(np.float64).eps * np.abs(f)
    return found


def _check_derivatives(base: Problem) -> None:
    """The outputs of some samples must not have derivatives by the inputs of the others."""
    if not base.X.is_floating_point() or base.N < 2:
        return
    X = base.X.detach().clone().requires_grad_()
    try:
        f = deep_copy(base.model)(X)
    except RuntimeError:  # it writes into X, if only what stands there, which torch allows of no leaf
        return
    if X.grad_fn is not None or not f.requires_grad:
        return
    for rest in (0, 1):
        chosen = torch.arange(base.N, device=X.device) % 2 == rest
        cotangent = torch.linspace(1, 2, f.numel(), device=f.device, dtype=f.dtype).view(f.shape)
        cotangent = cotangent * chosen.view(-1, *[1] * (f.dim() - 1)).to(f.dtype)
        (gradient,) = torch.autograd.grad(f, X, cotangent, retain_graph=not rest, allow_unused=True)
        if gradient is None or not gradient.numel():
            return
        size = gradient.abs().nan_to_num(nan=0.0, posinf=0.0).reshape(base.N, -1).amax(1)
        leaks = torch.where(chosen, torch.zeros_like(size), size)
        if float(leaks.max()) > LEAKS * float(size.max()):
            n = int(leaks.argmax())
            raise InvalidModel(
                f"the outputs of other samples have derivatives by the input of sample {n}, up to "
                f"{float(leaks[n]):.3g} beside {float(size.max()):.3g} by their own: samples depend on each other, so "
                "per-sample methods compute something else"
            )
