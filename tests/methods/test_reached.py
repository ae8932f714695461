"""What stands before the first parameter is not backpropagated through, so BackPACK needs no rule for it."""

from __future__ import annotations

import pytest

from jaccheck.case import Case, Flatten, Linear, Normal, Own, Parallel, Permute, Slice, Take, Tanh
from jaccheck.judging import CaseReference, judge, try_claim
from jaccheck.methods import find_method
from jaccheck.reports import Outcome

METHODS = ("sqrt_ggn_sum", "sqrt_ggn_layers", "sqrt_ggn_converted", "sqrt_ggn_modules")
END = Linear(out_features=3, bias=False)
BEFORE = {
    "a slice in a class of one's own": ((Own(layers=(Slice(axis=1),)), END), (2,)),
    "a slice in two classes of one's own": ((Own(layers=(Own(layers=(Slice(axis=1, stop=1),)),)), END), (2,)),
    "repeated entries": ((Own(layers=(Take(axis=1, indices=(0, 0, 1)),)), END), (2,)),
    "a permutation": ((Own(layers=(Permute(order=(2, 1)), Flatten())), END), (2, 2)),
    "branches": ((Own(layers=(Parallel(branches=((Slice(axis=1),), (Tanh(),)), merge="sum"),)), END), (2,)),
}


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(("layers", "in_shape"), BEFORE.values(), ids=BEFORE.keys())
def test_no_method_refuses_what_it_gets_right(name, layers, in_shape):
    """The law "claims" on one case each."""
    case = Case(layers=layers, in_shape=in_shape, batch_size=2, recipe=Normal())
    method, reference = find_method(name), CaseReference(case, "cpu")
    verdict = judge(case, method, reference=reference)
    if verdict.outcome is Outcome.UNSUPPORTED:
        verdict = try_claim(case, method, verdict, reference)
    assert not verdict.failures, verdict
    assert verdict.outcome in (Outcome.UNSUPPORTED, Outcome.AGREES), verdict
