"""A declared hook is one hook on each module; one more, or one on a tensor, is a side effect."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from jaccheck.case import Case
from jaccheck.judging import judge
from jaccheck.methods import Jacobians, Problem, find_method
from jaccheck.reports import Outcome


@pytest.mark.parametrize(("count", "outcome"), [(0, Outcome.AGREES), (1, Outcome.AGREES), (2, Outcome.SIDE_EFFECT)])
def test_hooks_on_modules(case: Case, count: int, outcome: Outcome) -> None:
    """As many as declared, which is one."""
    base = find_method("autograd_batched")

    def compute(problem: Problem) -> Jacobians:
        J = base.compute(problem)
        if not problem.model[0]._forward_hooks:  # type: ignore[index, union-attr]
            for _ in range(count):
                problem.model[0].register_forward_hook(lambda *_: None)  # type: ignore[index, operator]
        return J

    spoilt = replace(base, compute=compute, leaves=frozenset({"forward_hook"}))
    assert judge(case, spoilt).outcome is outcome


def test_hooks_on_parameters(case: Case) -> None:
    """Declaring hooks on modules declares none on tensors."""
    base = find_method("autograd_batched")

    def compute(problem: Problem) -> Jacobians:
        problem.model[0].weight.register_hook(torch.clone)  # type: ignore[index, union-attr]
        return base.compute(problem)

    spoilt = replace(base, compute=compute, leaves=frozenset({"forward_hook", "backward_hook"}))
    verdict = judge(case, spoilt)
    assert verdict.outcome is Outcome.SIDE_EFFECT
    assert "0.weight: tensor hooks was 0, is 1" in verdict.message
