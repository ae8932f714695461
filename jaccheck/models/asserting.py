"""`assert_right`: values that somebody computed, against the reference of a user's model."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from jaccheck.bench import default_memory, resident_bytes
from jaccheck.judging import (
    Examination,
    Expectation,
    flattened,
    looked_at,
    parts_of,
    read,
    reference_of,
    structural_difference,
)
from jaccheck.methods import Jacobians, Method, as_plain
from jaccheck.oracle import Array, Order

ANY_METHOD = Method(
    name="any", family="any", compute=dict, summary="any way there is", order=Order.ANY, roundings=lambda N, C: 6
)
"""What results of unknown origin must be held to: any order of evaluation, and a scaling as by √2 divided out."""


def no_hint(values: Array, expectation: Expectation) -> str:
    """Nothing is known that could have been mistaken."""
    return ""


def assert_right(
    what: str,
    found: Jacobians,
    examined: Examination,
    *,
    factor: float = 1.0,
    hint: Callable[[Array, Expectation], str] = no_hint,
) -> None:
    """Nothing, where `found`, times `factor`, are the Jacobians of the problem; else raises AssertionError.

    It names `what` they are, the entry furthest out, what was expected, and by which comparison. `hint` says in words
    what was mistaken, if it knows.
    """
    problem, memory = examined.problem, default_memory() - resident_bytes()
    if type(found) is dict:  # of a subclass where the user's own X is
        found = {name: as_plain(each) if isinstance(each, Tensor) else each for name, each in found.items()}
    if wrong := structural_difference(problem.layout, problem.dtypes, problem.device, found):
        raise AssertionError(f"{what}: {wrong}")
    network, reason = read(problem, memory)
    for part in parts_of(problem, memory, network):
        reference = reference_of(problem, part, network, is_contradicted=bool(examined.contradiction))
        e = reference.expectation(ANY_METHOD)
        if e.mode == "estimate":
            _check_estimate(what, examined.contradiction, e)
        values = flattened(part.rows(found)) * factor
        if difference := looked_at(values, e).difference:
            assert difference.worst is not None
            told = "" if factor == 1 else f", times {factor:g} for each sample's own"
            words = hint(values, e) or difference.hint
            says = _says(e, f"{reason}, nor for {reference.unproven}" if reference.unproven else reason)
            raise AssertionError(f"{part.in_whole(difference.worst)}{told}, says {says}{words and f'; {words}'}")


def _says(e: Expectation, unproven: str) -> str:
    """By which comparison, in words."""
    if e.mode != "estimate":
        return "the closed form"
    dtype = e.dtype if e.source == "autograd" else "float64"
    return f"autograd in {dtype}; estimated, since no bound is proven for {unproven}"


def _check_estimate(what: str, contradiction: str, e: Expectation) -> None:
    """Nothing, where values can be compared with autograd at all."""
    if contradiction:
        raise AssertionError(f"{what}: nothing is known of them, since {contradiction}")
    if 2 * e.undecided > e.layout.entries:
        raise AssertionError(
            f"{what}: {e.undecided:,} of {e.layout.entries:,} entries cannot be decided, since what rounding can do is "
            "as large as they are; compare in float64"
        )
