"""Only right results are ranked: the judge of large results is the reference of small ones, made piece by piece."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from jaccheck.bench import Shape
from jaccheck.bench.judging import judge_of
from jaccheck.bench.shapes import make
from jaccheck.judging import ClosedFormReference
from jaccheck.judging.live.network import network_of
from jaccheck.methods import Problem, copy_of, find_method
from jaccheck.selftest import find_with_mutants

SHAPE = Shape(name="here", widths=(5, 4, 6, 3), N=3)


@pytest.fixture(params=["float32", "float64"])
def problem(request: pytest.FixtureRequest) -> Problem:
    return make(SHAPE, request.param, "cpu")


@pytest.mark.parametrize("name", ["outer_products", "sqrt_ggn_sum", "batch_grad_loop"])
def test_the_bound_is_that_of_the_reference(problem: Problem, name: str) -> None:
    """Each entry of the sums of outer products is the reference's expectation and bound, scaling included."""
    net, method = network_of(problem), find_method(name)
    reference = ClosedFormReference(net, problem.dtype)
    bound = reference.expectation(method).bound
    expected = {e.name: e for e in judge_of(problem)._outer_products(method)}
    assert set(expected) == set(problem.parameters)
    for parameter, part in reference.layout.offsets().items():
        e = expected[parameter]
        value = e.δ[..., None] * e.a[:, None, None]
        total = sum(left[..., None] * right[:, None, None] for left, right in e.bounds) + e.rest
        assert np.array_equal(value.numpy().ravel(), reference.jacobian[part])
        np.testing.assert_allclose(total.numpy().ravel(), bound[part], rtol=1e-7)


@pytest.mark.parametrize("name", ["outer_products", "vmap_vjp", "vmap_jacfwd", "sqrt_ggn_mean", "central_differences"])
def test_right_methods_are_right(problem: Problem, name: str) -> None:
    """Reverse mode, forward mode, scaled results and differences."""
    method = find_method(name)
    assert judge_of(problem).difference(method, method.compute(copy_of(problem))) == ""


@pytest.mark.parametrize(
    "name",
    ["sample_roll", "one_wrong_entry", "nan_in_last_parameter", "relative_error_1e_6", "sign_of_biases", "wrong_order"],
)
def test_mutants_are_wrong(name: str) -> None:
    """Each kind of fault that changes a result."""
    problem = make(SHAPE, "float32", "cpu")
    fault = find_with_mutants(f"mutant:{name}")
    assert judge_of(problem).difference(fault, fault.compute(copy_of(problem)))


def test_every_single_entry_counts(problem: Problem) -> None:
    """Whichever entry is off, or NaN, it is named."""
    judge, method = judge_of(problem), find_method("outer_products")
    right = method.compute(copy_of(problem))
    draw = np.random.default_rng(0)
    for name, jacobian in right.items():
        for value in (np.nan, 1e3):
            index = tuple(int(draw.integers(size)) for size in jacobian.shape)
            wrong = {**right, name: jacobian.clone()}
            wrong[name][index] = value
            assert judge.difference(method, wrong).startswith(f"{name}{list(index)}: ")


def test_pieces_have_no_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same entry is found however few rows are compared at a time."""
    problem, method = make(SHAPE, "float64", "cpu"), find_method("outer_products")
    judge, J = judge_of(problem), method.compute(copy_of(problem))
    J["2.weight"][2, 1, 3, 2] += 1
    for rows_bytes in (8, 100, 1000, 10**6):
        monkeypatch.setattr("jaccheck.bench.judging.ROWS_BYTES", rows_bytes)
        assert judge.difference(method, J).startswith("2.weight[2, 1, 3, 2]: ")


@pytest.mark.parametrize(("between", "says"), [(torch.nn.CELU(), "float64 autograd"), (torch.nn.GELU(), "closed form")])
def test_networks_that_are_no_perceptrons_are_judged_part_by_part(between: torch.nn.Module, says: str) -> None:
    """By the closed form or, where a layer has no rule, by estimate; a wrong result is still wrong, and says where."""
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 2), between, torch.nn.Flatten(), torch.nn.Linear(8, 2))
    problem, method = Problem(net, torch.ones(2, 1, 3, 3).cumsum(-1), 2), find_method("vmap_vjp")
    judge = judge_of(problem)
    assert not judge._is_chain
    J = method.compute(copy_of(problem))
    assert judge.difference(method, J) == ""
    J["0.weight"][1, 0, 1, 0, 1, 1] += 0.01
    fault = judge.difference(method, J)
    assert fault.startswith("0.weight[1, 0, 1, 0, 1, 1]: ")
    assert fault.endswith(f"says {says}")


def test_a_bare_layer_is_judged() -> None:
    """Its parameters have no path before their names."""
    problem = Problem(torch.nn.Linear(3, 2), torch.ones(4, 3), 2)
    J = find_method("autograd_loop").compute(copy_of(problem))
    assert judge_of(problem).difference(find_method("autograd_loop"), J) == ""
    J["bias"][1, 0, 1] = 1
    assert judge_of(problem).difference(find_method("autograd_loop"), J).startswith("bias[1, 0, 1]: 1 instead of 0")
