"""Memory given as `out`: what can hold the Jacobians is accepted in any layout, everything else is refused in words."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from jaccheck.errors import InvalidOut
from jaccheck.methods import Jacobians, Problem, check_given, find_method, registered

TAKING = [name for name, method in registered().items() if method.takes_out]


@pytest.fixture
def problem() -> Problem:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    return Problem(model, torch.randn(5, 3), 2)


def memory_for(problem: Problem) -> Jacobians:
    return {name: torch.empty(problem.N, problem.C, *p.shape) for name, p in problem.parameters.items()}


def as_columns(problem: Problem) -> Jacobians:
    """Columns of one matrix `(N, C, all θ)`, whose spans interleave."""
    widths = [p.numel() for p in problem.parameters.values()]
    columns = torch.empty(problem.N, problem.C, sum(widths)).split(widths, 2)
    return {
        name: part.unflatten(2, p.shape) for (name, p), part in zip(problem.parameters.items(), columns, strict=True)
    }


def outputs_last(problem: Problem) -> Jacobians:
    return {
        name: torch.empty(*p.shape, problem.N, problem.C).movedim((-2, -1), (0, 1))
        for name, p in problem.parameters.items()
    }


def every_second(problem: Problem) -> Jacobians:
    return {name: torch.empty(problem.N, problem.C, *p.shape, 2)[..., 1] for name, p in problem.parameters.items()}


@pytest.mark.parametrize("layout", [memory_for, as_columns, outputs_last, every_second], ids=lambda f: f.__name__)
@pytest.mark.parametrize("name", TAKING)
def test_every_layout_is_filled(name: str, layout: Callable[[Problem], Jacobians], problem: Problem) -> None:
    """Given memory of any strides holds afterwards what a call without it returns, and is what comes back."""
    method = find_method(name)
    expected, out = method.compute(problem), layout(problem)
    for given in out.values():
        given.fill_(torch.nan)
    returned = method.compute(problem, out=out)
    for parameter, given in out.items():
        assert returned[parameter] is given
        assert torch.equal(given, expected[parameter]), parameter


def test_some_methods_take_out() -> None:
    """Those whose function has the keyword, and only those."""
    assert "outer_products" in TAKING
    assert "autograd_loop" not in TAKING


def _with(name: str, value: object) -> Callable[[Problem], object]:
    return lambda problem: memory_for(problem) | {name: value}


def _shared(problem: Problem) -> object:
    buffer = torch.empty(5 * 2 * 4 + 5 * 2 * 2 - 1)
    return memory_for(problem) | {"0.bias": buffer[:40].view(5, 2, 4), "2.bias": buffer[39:].view(5, 2, 2)}


MISUSE: dict[str, tuple[Callable[[Problem], object], str]] = {
    "no dict": (lambda problem: list(memory_for(problem).values()), "out is list, expected a dict"),
    "missing": (lambda problem: {"0.weight": torch.empty(5, 2, 4, 3)}, r"out is \['0.weight'\], expected a dict"),
    "order": (lambda problem: dict(reversed(memory_for(problem).items())), "in order"),
    "not a tensor": (_with("2.bias", 1.0), r"out\['2.bias'\] is float, expected a tensor"),
    "shape": (_with("0.bias", torch.empty(5, 4, 2)), r"shape \(5, 4, 2\), expected \(N, C, \*θ.shape\) = \(5, 2, 4\)"),
    "dtype": (_with("0.bias", torch.empty(5, 2, 4, dtype=torch.float64)), "torch.float64 .* expected torch.float32"),
    "device": (_with("0.bias", torch.empty(5, 2, 4, device="meta")), "on meta"),
    "layout": (_with("0.bias", torch.empty(5, 2, 4).to_sparse()), "sparse"),
    "gradient": (_with("0.bias", torch.empty(5, 2, 4, requires_grad=True)), "requires grad"),
    "expanded": (_with("0.bias", torch.empty(5, 1, 4).expand(5, 2, 4)), "'0.bias'] shares memory with itself"),
    "overlapping": (_shared, r"out\['0.bias'\] shares memory with out\['2.bias'\]"),
}


@pytest.mark.parametrize("kind", MISUSE)
def test_misuse_is_refused(kind: str, problem: Problem) -> None:
    """With the name of what is wrong and what was expected, before anything is written."""
    make, message = MISUSE[kind]
    with pytest.raises(InvalidOut, match=message):
        find_method("outer_products").compute(problem, out=make(problem))


@pytest.mark.parametrize("owner", ["X", "0.weight"])
def test_memory_of_the_problem_is_refused(owner: str) -> None:
    """Neither the input nor a parameter may be written over."""
    model = nn.Sequential(nn.Linear(4, 1, bias=False))
    X = torch.ones(1, 4)
    problem = Problem(model, X, 1)
    memory: Tensor = X if owner == "X" else model[0].weight.detach()
    with pytest.raises(InvalidOut, match=f"shares memory with {owner}"):
        check_given(problem, {"0.weight": memory.view(1, 1, 1, 4)})
    check_given(problem, {"0.weight": memory.clone().view(1, 1, 1, 4)})


def test_an_expanded_input_is_no_misuse(problem: Problem) -> None:
    """Samples that share memory with each other share none with the Jacobians."""
    problem.X = problem.X[:1].expand(5, 3)
    check_given(problem, memory_for(problem))


def test_an_empty_batch_takes_empty_memory(problem: Problem) -> None:
    """As tensors of no entries overlap with nothing."""
    problem.X = problem.X[:0]
    out = memory_for(problem)
    assert find_method("outer_products").compute(problem, out=out)["0.weight"] is out["0.weight"]
