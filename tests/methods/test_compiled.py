"""`torch.compile` of the transforms: right, by name only, compiled for each shape, refused where it must be."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.distributions import Distribution

from jaccheck.case import Case, Linear, Tanh
from jaccheck.errors import NotCovered
from jaccheck.judging import judge
from jaccheck.methods import Problem, choose_methods, find_method
from jaccheck.reports import Outcome

NAMES = ("vmap_jacrev_compiled", "vmap_jacfwd_compiled")
CASE = Case(layers=(Linear(out_features=3), Tanh(), Linear(out_features=2)), in_shape=(2,), batch_size=4)


def test_they_run_by_name_only() -> None:
    """Each kind of network is compiled anew, which takes seconds."""
    assert not {method.name for method in choose_methods(())} & set(NAMES)
    assert [method.name for method in choose_methods(NAMES)] == list(NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_they_are_right_under_every_law(name: str) -> None:
    for dtype in ("float64", "float32"):
        verdict = judge(replace(CASE, dtype=dtype), find_method(name))
        assert verdict.outcome is Outcome.AGREES, verdict.message


@pytest.mark.slow
def test_a_shape_beyond_torchs_limit_is_compiled_too() -> None:
    """torch runs what goes beyond its limit uncompiled, or raises."""
    method = find_method(NAMES[0])
    compiled = torch._dynamo.utils.counters["stats"]
    with torch._dynamo.config.patch(recompile_limit=1):
        for width in (3, 4):
            before = compiled["unique_graphs"]
            model, X = nn.Sequential(nn.Linear(2, width), nn.Softsign(), nn.Linear(width, 2)), torch.rand(4, 2)
            J = method.compute(Problem(model, X, 2))
            assert compiled["unique_graphs"] > before
            assert Distribution._validate_args, "torch switches it off for the whole process"
            torch.testing.assert_close(J, find_method("vmap_jacrev").compute(Problem(model, X, 2)))


@pytest.mark.full
def test_what_torch_cannot_trace_is_refused() -> None:
    class Branching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(2, 2)

        def forward(self, a: torch.Tensor) -> torch.Tensor:
            print(a.shape)
            return self.linear(a) if a.sum() > 0 else self.linear(2 * a)

    with pytest.raises(NotCovered, match=r"torch\.compile cannot trace it as a whole"):
        find_method(NAMES[0]).compute(Problem(Branching(), torch.rand(3, 2), 2))


def test_without_a_compiler_they_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    problem = Problem(nn.Linear(2, 2), torch.rand(3, 2), 2)
    assert find_method(NAMES[0]).refuses(problem) == (
        "torch.compile needs a C++ compiler on the CPU; none was found on the PATH"
    )
