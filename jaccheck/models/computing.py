"""`jacobians`: the batched Jacobians of a user's own model; `assert_jacobians_right`: are these the right ones?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from jaccheck.core import checked
from jaccheck.errors import InvalidModel, InvalidOut
from jaccheck.judging import examine, jacobians_of_part, observe_globals, restore_globals
from jaccheck.methods import (
    BatchAxis,
    Choice,
    Jacobians,
    Method,
    Problem,
    check_given,
    copy_of,
    find_method,
    gradients_on,
    loss_of,
    problem_of,
)
from jaccheck.models.asserting import assert_right
from jaccheck.reports import first_line

PREFERENCE = ("outer_products", "hooks", "vmap_vjp", "vmap_jacrev", "func_jacrev", "autograd_loop")
"""In which order methods are tried where none is named: the fast ones, then those that ask less of a model."""


@checked("method")
def jacobians(
    model: nn.Module,
    X: Any,
    *,
    output: str | int | None = None,
    parameters: Sequence[str] | str = (),
    batch_axis: BatchAxis = 0,
    method: str | None = None,
    out: Jacobians | None = None,
) -> Jacobians:
    """The Jacobians `(N, C, *θ.shape)` of every trainable parameter θ by name, by this method or the best that applies.

    X is a tensor `[N, ...]`, a tuple or list of inputs, or a dict of keywords, each with a row for each sample, along
    `batch_axis`. `output` is the name or number of one of several outputs; without it all are joined, flattened.
    `parameters` are patterns of names, as `head.*`: the Jacobians of the others are left out.

    Works on a copy: model, X and torch's random state stay as they are. Without a `method` the first one of PREFERENCE
    is taken that neither refuses the model, nor fails on it, nor contradicts a backward pass. With `out`, tensors of
    these shapes by name, they are written there, by a method that can: much faster where they are large. Raises
    InvalidModel where the model has no batched Jacobian, UnknownName for a method that does not exist, InvalidOut for
    memory that cannot hold them or a method that does not take it, and what the named method raises.
    """
    problem = problem_of(model, X, Choice(output=output, parameters=parameters, batch_axis=batch_axis))
    if out is not None:
        check_given(problem, problem.inside(out) if isinstance(out, dict) else out)
    return computed(problem, PREFERENCE if method is None else method, out)


def computed(problem: Problem, by: str | Sequence[str], out: Jacobians | None = None) -> Jacobians:
    """The Jacobians by the method of this name, or by the first of several that neither refuses nor fails.

    What torch.func's vmap makes of many backward passes is compared with one: in torch 2.13 it is wrong for
    `torch.cdist`, and nothing says so.
    """
    with gradients_on():
        if isinstance(by, str):
            return _computed(find_method(by), problem, out)
        failures = []
        for candidate in map(find_method, by):
            try:
                found = _computed(candidate, problem, out)
                if candidate.family == "torch.func":
                    with _globals_kept(problem):
                        _check_sum(problem, found)
                return found
            except Exception as error:
                failures.append(f"{candidate.name}: {first_line(error)}")
    what = "per-sample gradients of this loss" if loss_of(problem) else "Jacobians of this model"
    raise InvalidModel(f"no method computes the {what}; {'; '.join(failures)}")


def _computed(method: Method, problem: Problem, out: Jacobians | None) -> Jacobians:
    if refusal := method.missing or method.refuses(problem):
        raise InvalidModel(f"{method.name} does not cover this model: {refusal}")
    if out is not None and not method.takes_out:
        raise InvalidOut(f"{method.name} returns tensors of its own; outer_products and hooks take out=")
    with _globals_kept(problem):
        found = jacobians_of_part(method, copy_of(problem), out)
    return {name: jacobian.detach() for name, jacobian in found.items()} if out is None else out


@contextmanager
def _globals_kept(problem: Problem) -> Iterator[None]:
    """What a model or a method changes of torch's global state is as before afterwards."""
    before = observe_globals(problem.device)
    try:
        yield
    finally:
        restore_globals(before, observe_globals(problem.device))


def _check_sum(problem: Problem, found: Jacobians) -> None:
    """Nothing, or ArithmeticError where a weighted sum of the rows is not what one plain backward pass gives.

    It may differ by √ε of the largest entries, far more than rounding does.
    """
    copied, J = copy_of(problem), problem.inside(found)
    f = copied.model(copied.X).reshape(problem.N, problem.C)
    weights = torch.linspace(1, 2, f.numel(), dtype=f.dtype, device=f.device).view(f.shape)
    θ = copied.parameters
    sums = torch.autograd.grad(f, [*θ.values()], weights, allow_unused=True, materialize_grads=True)
    for name, expected in zip(θ, sums, strict=True):
        if J[name].numel():
            largest = torch.linalg.vector_norm(J[name].flatten(2), ord=torch.inf, dim=2)
            ε = max(torch.finfo(each.dtype).eps for each in (f, J[name]))
            apart = (torch.tensordot(weights.to(expected.dtype), J[name], 2) - expected).abs().max()
            if float(apart) > ε**0.5 * float((weights * largest).sum()):
                raise ArithmeticError(f"what it gives for {problem.told(name)} is not what a backward pass gives")


def assert_jacobians_right(
    actual: Mapping[str, Tensor],
    model: nn.Module,
    X: Any,
    *,
    output: str | int | None = None,
    parameters: Sequence[str] | str = (),
    batch_axis: BatchAxis = 0,
) -> None:
    """Nothing, where `actual` holds the Jacobians `(N, C, *θ.shape)` of `model` on X by parameter name.

    Otherwise raises AssertionError with the entry furthest out, what was expected, and by which comparison. Where every
    layer has a bound rule, values must be within a bound of the closed form that holds for any method in any order of
    summation, also one that scales, as BackPACK's SqrtGGN does by √2. For other models nothing is proven: values must
    be within what rounding is estimated to do to autograd in float64. Entries that cannot be decided, at a kink or
    where rounding is as large as they are, pass as long as they are the smaller part; so keep to float32 or float64 and
    numbers of normal size in such a test. Where a difference quotient contradicts autograd, nothing passes that was
    only compared with autograd.
    `output`, `parameters` and `batch_axis` are those of `jacobians`. Raises InvalidModel like `check`.
    """
    problem = problem_of(model, X, Choice(output=output, parameters=parameters, batch_axis=batch_axis))
    with gradients_on():
        assert_right("jacobians", dict(actual) if isinstance(actual, Mapping) else actual, examine(problem))
