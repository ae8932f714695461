"""What a call of a method leaves changed in a user's problem and around it, beyond what the model changes by itself.

It is observed as for the law of purity; a user's model may count its calls, so what a plain pass changes is no method's
doing.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from jaccheck.judging.laws.state import Place, State, differing, observe_problem, undeclared_changes
from jaccheck.judging.laws.surroundings import Surroundings
from jaccheck.methods import Problem, copy_of, differ
from jaccheck.reports import changed

VALUES = "values"


@dataclass(slots=True)
class LeftBehind:
    """What calls on the copies of a problem have left changed, in words."""

    own: frozenset[Place] = frozenset()
    """What a forward and a backward pass of the model alone change."""
    told: dict[str, None] = field(default_factory=dict)
    is_around: bool = False
    """Whether something outside of the problem was changed, for whatever runs in the process."""

    @contextlib.contextmanager
    def watched(self, problem: Problem, leaves: frozenset[str]) -> Iterator[None]:
        """A call that may leave what it declares. What is global is put back, so that nothing else runs with it."""
        seen, found = _Seen(problem), []
        try:
            yield
            found = undeclared_changes(*seen.inside(), leaves, self.own)
        finally:  # of a call that failed, what it has done to its own copy is of no interest
            around = undeclared_changes(*seen.around(), leaves, self.own)
            self.is_around |= bool(around)
            if found := found + around:
                self.told[str(changed(found))] = None


def own_changes(problem: Problem) -> frozenset[Place]:
    """What a forward and a backward pass of the model change by themselves, in the problem and around it."""
    copied = copy_of(problem)
    seen = _Seen(copied)
    with warnings.catch_warnings(), contextlib.suppress(RuntimeError, TypeError, ValueError, NotImplementedError):
        warnings.simplefilter("ignore")
        f = copied.model(copied.X)
        torch.autograd.grad(f.sum(), [*copied.parameters.values()], allow_unused=True)
    return differing(*seen.inside()) | differing(*seen.around())


class _Seen:
    """A problem and what is around it, before a call."""

    def __init__(self, problem: Problem) -> None:
        self._problem = Problem(problem.own, problem.X, problem.C)  # as the user knows it, without adapters
        self._numbers = {name: tensor.detach().clone() for name, tensor in self._tensors().items()}
        self._before = observe_problem(self._problem)
        self._around = Surroundings(self._problem.model, problem.device)

    def _tensors(self) -> dict[str, Tensor]:
        model = self._problem.model
        found = {**dict(model.named_parameters()), **dict(model.named_buffers()), "X": self._problem.X}
        return {name: each for name, each in found.items() if each.layout is torch.strided and not each.is_quantized}

    def inside(self) -> tuple[State, State]:
        """The problem before the call, and now."""
        try:
            before, after, tensors = self._before, observe_problem(self._problem), self._tensors()
        except Exception:  # whatever a call has made of it
            spoilt = "the model, which cannot be looked at any more,"
            return {spoilt: {VALUES: 0}}, {spoilt: {VALUES: 1}}
        for name, numbers in self._numbers.items():
            if name in tensors and not _are_same(tensors[name].detach(), numbers):
                owner = f"the values of {name}"
                before, after = {**before, owner: {VALUES: 0}}, {**after, owner: {VALUES: 1}}
        return before, after

    def around(self) -> tuple[State, State]:
        """What is global before the call, and now; it is put back."""
        was, now = self._around.look()
        return dict(was), dict(now)


def _are_same(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    return torch.equal(one, other) or (one.is_floating_point() and not differ(one, other, 0.0))
