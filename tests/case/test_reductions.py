"""Shrinking ends, keeps what it is asked to keep, and ends in something that a person can read."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import example, given, settings

from jaccheck.case import (
    Case,
    Convolution,
    Flatten,
    GroupNorm,
    Layer,
    LeakyReLU,
    Linear,
    Parallel,
    Recurrent,
    ReLU,
    Repeat,
    Residual,
    Sequential,
    Tanh,
    cases,
    complexity,
    shrink,
)
from jaccheck.case.shrinking import reductions


@given(cases())
@settings(max_examples=100)
def test_every_reduction_is_simpler(case: Case) -> None:
    """No step leads back, so shrinking ends."""
    assert all(complexity(smaller) < complexity(case) for smaller in reductions(case))


# The end of a Flatten names an axis that smaller input does not have.
@example(
    Case(layers=(Linear(out_features=1), Flatten(end_dim=2), Linear(out_features=3)), in_shape=(2, 3), batch_size=5)
)
@given(cases())
@settings(max_examples=100)
def test_whatever_fails_shrinks_to_the_smallest(case: Case) -> None:
    """A fault that shows everywhere ends, within a few steps, in one Linear, one sample, one input, one output."""
    steps: list[Case] = []

    def still_fails(smaller: Case) -> bool:
        steps.append(smaller)
        return True

    smallest = shrink(case, still_fails, seconds=inf)
    assert len(steps) <= 20
    assert smallest.layers == (Linear(out_features=1, bias=False),)
    assert (smallest.in_shape, smallest.batch_size, smallest.dtype) == ((1,), 1, "float64")


def test_the_cause_is_kept() -> None:
    """What the failure depends on stays, all else goes."""
    case = Case(
        layers=(Linear(out_features=7), Tanh(), Linear(out_features=11), LeakyReLU(), Linear(out_features=5)),
        in_shape=(6,),
        batch_size=8,
        dtype="float32",
        seed=12345,
    )

    def still_fails(case: Case) -> bool:
        return case.batch_size >= 3 and any(layer.kind == "LeakyReLU" for _, layer in case.leaves())

    smallest = shrink(case, still_fails, seconds=10)
    assert [layer.kind for _, layer in smallest.leaves()] in (["Linear", "LeakyReLU"], ["LeakyReLU", "Linear"])
    assert smallest.batch_size == 3


def has(case: Case, kind: str) -> bool:
    return any(layer.kind == kind for _, layer in case.leaves())


HEAD = (Flatten(end_dim=2), Linear(out_features=3))
NESTED: list[tuple[str, Layer, tuple[int, ...]]] = [
    ("Tanh", Residual(layers=(Linear(out_features=4), Tanh(), Linear(out_features=4))), (4,)),
    ("Tanh", Parallel(branches=((ReLU(),), (Linear(out_features=3), Tanh()), ()), merge="cat"), (4,)),
    ("Tanh", Repeat(layers=(Sequential(layers=(Linear(out_features=4), Tanh())),), times=3), (4,)),
    ("Recurrent", Sequential(layers=(Tanh(), Recurrent(hidden_size=3, num_layers=2))), (4, 3)),
    ("GroupNorm", Residual(layers=(Tanh(), GroupNorm(num_groups=2))), (4, 3)),
    ("Convolution", Parallel(branches=((ReLU(),), (Convolution(axes=1, out_channels=4, kernel_size=1),))), (4, 3)),
]


@pytest.mark.parametrize(("kind", "nested", "in_shape"), NESTED, ids=[f"{kind} in {n.kind}" for kind, n, _ in NESTED])
def test_what_is_nested_is_taken_out(kind: str, nested: Layer, in_shape: tuple[int, ...]) -> None:
    """A fault of one layer inside of others ends in that layer by itself, and what it takes to have flat output."""
    layers = (Linear(out_features=in_shape[-1]), nested, *(HEAD if len(in_shape) > 1 else (Linear(out_features=3),)))
    case = Case(layers=layers, in_shape=in_shape, batch_size=3)
    smallest = shrink(case, lambda smaller: has(smaller, kind), seconds=inf)
    around = {layer.kind for layer in smallest.layers} - {kind}
    assert has(smallest, kind)
    assert around <= {"Linear", "Flatten"}
    assert len(smallest.layers) <= 2 + (len(in_shape) > 1)
