"""What `check` says of methods that are right and leave something changed, and of models that change by themselves."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from jaccheck_support.people_models import Lambda, batch
from torch import Tensor, nn

import jaccheck
from jaccheck.methods import Problem, find_method
from jaccheck.reports import Outcome


def right(problem: Problem, then: Callable[[Problem], object]) -> jaccheck.Jacobians:
    """Autograd's Jacobians, and what is done to the problem, or to whatever, afterwards."""
    found = find_method("autograd_loop").compute(problem)
    then(problem)
    return found


def method_that(then: Callable[[Problem], object], name: str = "mine") -> jaccheck.Method:
    return jaccheck.Method(name=name, family="own", compute=lambda problem: right(problem, then), summary="")


def plain() -> tuple[nn.Module, Tensor]:
    torch.manual_seed(0)
    return Lambda(lambda m, x: m.b(torch.tanh(m.a(x))), a=nn.Linear(3, 4), b=nn.Linear(4, 2)), batch(3, 3)


def counting() -> tuple[nn.Module, Tensor]:
    """A forward pass counts in an attribute and a buffer, keeps its input, and a hook that the model brings along."""

    def forward(m: Any, x: Tensor) -> Tensor:
        m.calls += 1
        m.seen.add_(1)
        m.cache = [x.detach()]
        return m.b(torch.tanh(m.a(x)))  # type: ignore[no-any-return]

    model = Lambda(forward, a=nn.Linear(3, 4), b=nn.Linear(4, 2))
    model.calls = 0  # type: ignore[assignment]
    model.register_buffer("seen", torch.zeros(()))
    model.a.register_forward_hook(lambda module, inputs, output: None)  # type: ignore[union-attr, operator]
    return model, batch(3, 3)


def scales_a_weight(problem: Problem) -> None:
    with torch.no_grad():
        next(iter(problem.parameters.values())).mul_(2)


LEAVES: tuple[tuple[Callable[[Problem], object], str], ...] = (
    (lambda p: p.model(p.X).sum().backward(), "a.weight.grad is left behind"),
    (scales_a_weight, "the values of a.weight changed"),
    (lambda p: p.X.detach().add_(1), "the values of X changed"),
    (lambda p: p.model.eval(), "the model: training was True, is False"),
    (lambda p: p.own.register_forward_hook(lambda *_: None), "the model: forward_hook was 0, is 1"),
    (lambda p: p.model.requires_grad_(False), "a.weight: requires_grad was True, is False"),
    (lambda p: torch.rand(3), "torch: random generator changed"),
    (lambda p: torch.set_grad_enabled(False), "torch: grad mode was True, is False"),
    (lambda p: torch.set_default_dtype(torch.float64), "default dtype was torch.float32, is"),
    (lambda p: os.chdir("/"), "working directory was"),
)


def test_right_methods_that_leave_something_are_told() -> None:
    """Each is right, the exit code stays that of right numbers, and what it left is named beside the recommendation."""
    mine = [method_that(then, f"mine_{number}") for number, (then, _) in enumerate(LEAVES)]
    pure = [method_that(lambda p: None, f"pure_{number}") for number in range(len(LEAVES))]
    report = jaccheck.check(*plain(), methods=[each for pair in zip(mine, pure, strict=True) for each in pair])
    for (_, told), answer, other in zip(LEAVES, report.answers[::2], report.answers[1::2], strict=True):
        assert answer.outcome is other.outcome is Outcome.AGREES
        assert told in "; ".join(answer.left)
        assert other.left == ()
        assert f"{answer.method}: right, but a call leaves changed: " in str(report)
    assert not report.found_something
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() is torch.float32


def test_a_method_alone_that_leaves_something_is_told() -> None:
    """Beside the verdict, where there is no other to advise."""
    alone = jaccheck.check(*plain(), methods=[method_that(scales_a_weight)])
    assert "a call leaves changed: " in alone.verdict


def test_what_leaves_nothing_changed_is_advised_before_what_is_faster() -> None:
    """A faster method that spoils what comes next is used only where there is no other."""

    def slowly(problem: Problem) -> jaccheck.Jacobians:
        time.sleep(0.01)
        return find_method("autograd_loop").compute(problem)

    slow = jaccheck.Method(name="slow", family="own", compute=slowly, summary="")
    report = jaccheck.check(*plain(), methods=[method_that(scales_a_weight, "fast"), slow])
    assert report.recommended == "slow"
    assert "the only one that agrees with the closed form and leaves nothing changed" in report.advice


def test_what_a_model_changes_by_itself_is_no_methods_doing() -> None:
    """Counters, caches and hooks of the model's own; what a method adds to them is told all the same."""
    methods = ["autograd_loop", "functional_jacobian", "hooks", "outer_products", method_that(scales_a_weight)]
    report = jaccheck.check(*counting(), methods=methods)
    assert [bool(answer.left) for answer in report.answers] == [False, False, False, False, True]


def test_hooks_that_backpack_declares_are_beside_the_models_own() -> None:
    """A model that brings a hook along has two afterwards, which is what the method says."""
    pytest.importorskip("backpack")
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    model[0].register_forward_hook(lambda module, inputs, output: None)
    (answer,) = jaccheck.check(model, batch(3, 3), methods=["batch_grad_loop"]).answers
    assert answer.is_usable
    assert answer.left == ()


def test_a_method_that_leaves_gradients_off_spoils_no_other() -> None:
    """Those that come after it are judged as if it had not been there."""
    off = method_that(lambda p: torch.set_grad_enabled(False), "off")
    report = jaccheck.check(*plain(), methods=[off, "autograd_loop", "autograd_batched"])
    assert [answer.outcome for answer in report.answers] == [Outcome.AGREES] * 3
