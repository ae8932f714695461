"""Shrinking ends, keeps what it is asked to keep, and ends in something that a person can read."""

from __future__ import annotations

from hypothesis import given, settings

from jaccheck.case import Case, LeakyReLU, Linear, Tanh
from jaccheck.case.reductions import complexity, reductions, shrink
from jaccheck.case.strategies import cases


@given(cases())
@settings(max_examples=100, deadline=None)
def test_every_reduction_is_simpler(case: Case) -> None:
    """No step leads back, so shrinking ends."""
    assert all(complexity(smaller) < complexity(case) for smaller in reductions(case))


@given(cases())
@settings(max_examples=50, deadline=None, derandomize=True)
def test_whatever_fails_shrinks_to_the_smallest(case: Case) -> None:
    """A fault that shows everywhere ends in one Linear, one sample, one input, one output."""
    smallest = shrink(case, lambda smaller: True, seconds=60)
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
