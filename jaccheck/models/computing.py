"""`jacobians`: the batched Jacobians of a user's own model; `assert_jacobians_right`: are these the right ones?"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from jaccheck.bench import default_memory, resident_bytes
from jaccheck.errors import InvalidModel, InvalidOut
from jaccheck.judging import (
    compare,
    observe_globals,
    parts_of,
    read,
    reference_of,
    restore_globals,
    structural_difference,
)
from jaccheck.methods import Jacobians, Method, Problem, check_given, copy_of, find_method, problem_of, registered
from jaccheck.oracle import Order
from jaccheck.reports import first_line

_ANY_METHOD = Method(
    name="any", family="any", compute=dict, summary="any way there is", order=Order.ANY, roundings=lambda N, C: 6
)
"""What results of unknown origin must be held to: any order of evaluation, and a scaling as by √2 divided out."""

PREFERENCE = ("closed_form", "hooks", "vmap_vjp", "vmap_jacrev", "func_jacrev", "autograd_loop")
"""In which order methods are tried where none is named: the fast ones, then those that ask less of a model."""


def jacobians(model: nn.Module, X: Tensor, *, method: str | None = None, out: Jacobians | None = None) -> Jacobians:
    """The Jacobians `(N, C, *θ.shape)` of every trainable parameter θ by name, by this method or the best that applies.

    Works on a copy: model, X and torch's random state stay as they are. Without a `method` the first one of PREFERENCE
    is taken that neither refuses the model nor fails on it. With `out`, tensors of these shapes by name, they are
    written there, by a method that can: much faster where they are large. Raises InvalidModel where the model has no
    batched Jacobian, UnknownName for a method that does not exist, InvalidOut for memory that cannot hold them or a
    method that does not take it, and what the named method raises.
    """
    problem = problem_of(model, X)
    if out is not None:
        check_given(problem, out)
    if method is not None:
        return _computed(find_method(method), problem, out)
    failures = []
    for candidate in (registered()[name] for name in PREFERENCE if name in registered()):
        try:
            return _computed(candidate, problem, out)
        except Exception as error:
            failures.append(f"{candidate.name}: {first_line(error)}")
    raise InvalidModel(f"no method computes the Jacobians of this model; {'; '.join(failures)}")


def _computed(method: Method, problem: Problem, out: Jacobians | None) -> Jacobians:
    if refusal := method.missing or method.refuses(problem):
        raise InvalidModel(f"{method.name} does not cover this model: {refusal}")
    if out is not None and not method.takes_out:
        raise InvalidOut(f"{method.name} returns tensors of its own; closed_form and hooks take out=")
    before = observe_globals(problem.device)
    try:
        found = method.compute(copy_of(problem), **({} if out is None else {"out": out}))
    finally:
        restore_globals(before, observe_globals(problem.device))
    return {name: jacobian.detach() for name, jacobian in found.items()} if out is None else out


def assert_jacobians_right(actual: Mapping[str, Tensor], model: nn.Module, X: Tensor) -> None:
    """Nothing, where `actual` holds the Jacobians `(N, C, *θ.shape)` of `model` on X by parameter name.

    Otherwise raises AssertionError with the entry furthest out, what was expected, and by which comparison. Where every
    layer has a bound rule, values must be within a bound of the closed form that holds for any method in any order of
    summation, also one that scales, as BackPACK's SqrtGGN does by √2. For other models nothing is proven: values must
    be within what rounding is estimated to do to autograd in float64. Entries that cannot be decided, at a kink or
    where rounding is as large as they are, pass; so keep to float32 or float64 and numbers of normal size in such a
    test. Raises InvalidModel like `check`.
    """
    problem = problem_of(model, X)
    memory = default_memory() - resident_bytes()
    network, reason = read(problem, memory)
    found = dict(actual) if isinstance(actual, Mapping) else actual
    if wrong := structural_difference(problem.layout, problem.dtype, problem.device, found):
        raise AssertionError(f"jacobians: {wrong}")
    for part in parts_of(problem, memory, network):
        reference = reference_of(problem, part, network)
        if difference := compare(part.rows(found), reference.expectation(_ANY_METHOD)):
            assert difference.worst is not None
            estimated = f"{reference.source}; estimated, since no bound is proven for {reason}"
            says = "the closed form" if network else estimated
            hint = difference.hint and f"; {difference.hint}"
            raise AssertionError(f"{part.in_whole(difference.worst)}, says {says}{hint}")
