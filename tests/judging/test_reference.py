"""A case and the live model that is built from it have one and the same reference."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn

from jaccheck.case import FAMILIES, Case, Layer, boundary_cases, draw_cases
from jaccheck.errors import InvalidCase, NotComputed
from jaccheck.judging import CaseReference, ClosedFormReference, Part, read, reference_of
from jaccheck.methods import build, choose_methods, problem_of

METHODS = tuple({(m.order, m.step, m.loss, m.roundings(5, 7)): m for m in choose_methods([])}.values())
"""One for each way to compute that has a bound of its own."""


def is_live(case: Case) -> bool:
    """Whether its model is made of modules of torch alone, in Sequentials."""
    layers = [place.layer for place in case.places()]
    return all(layer.kind == "Sequential" if layer.runs else _is_of_torch(layer) for layer in layers)


def _is_of_torch(layer: Layer) -> bool:
    return not layer.has_rule or any(hasattr(nn, name) for name in layer.module_names())


def with_both(family: str, dtype: str) -> Iterator[tuple[CaseReference, ClosedFormReference]]:
    """The reference of each case of a family, and that of the live model, where every layer of it has a rule."""
    drawn = draw_cases(family, [dtype], seed_number=1, count=10)
    for case in (*boundary_cases(family, dtype), *drawn):
        if not (is_live(case) and case.batch_size):
            continue
        try:
            of_case = CaseReference(case, "cpu")
        except (InvalidCase, NotComputed):
            continue
        problem = build(case)
        network, _ = read(problem, 2**32)
        if network is None:
            # Torch may take an algorithm of its own for strided input; without a rule there is none in the case either.
            assert of_case.network is None or case.input_form != "contiguous", case
            continue
        live = reference_of(problem, Part(range(problem.N), range(problem.C)), network)
        assert isinstance(live, ClosedFormReference)
        yield of_case, live


@pytest.mark.parametrize("dtype", ["float32", pytest.param("bfloat16", marks=pytest.mark.full)])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_case_and_its_live_model_have_the_same_reference(family: str, dtype: str) -> None:
    """Jacobian, exactness, bounds and undecided entries are equal bit by bit, whatever a method claims of itself."""
    for of_case, live in with_both(family, dtype):
        assert (live.source, live.layout, live.dtype) == (of_case.source, of_case.layout, of_case.dtype)
        assert live.exact == of_case.exact
        assert live.nonzero == of_case.nonzero
        assert np.array_equal(live.jacobian, of_case.jacobian)
        assert np.array_equal(live.autograd_bound, of_case.autograd_bound)
        for method in METHODS:
            if of_case.case.loss and (method.loss or method.step):  # none has a bound for a loss
                assert method.refuses(of_case.problem()), method.name
                continue
            one, other = live.expectation(method), of_case.expectation(method)
            assert (one.mode, one.undecided) == (other.mode, other.undecided)
            assert np.array_equal(one.bound, other.bound)


def test_what_follows_an_unflatten_gets_all_its_axes() -> None:
    """A convolution there has channels and places, and a closed form."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 8), nn.Unflatten(1, (2, 4)), nn.Conv1d(2, 3, 2), nn.Flatten()).eval()
    problem = problem_of(model, torch.randn(4, 3))
    network, _ = read(problem, 2**32)
    assert network is not None
    assert (network.N, network.C) == (4, 9)
