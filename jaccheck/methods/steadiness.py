"""Whether copies of a model that never ran give the same output each time: what follows the time or a counter does not.

Such a model differs from itself whatever is compared: a sample alone from the batch, a copy from the original, a method
from the reference. So this is looked at wherever something differs, before anything else is blamed.
"""

from __future__ import annotations

import time

import torch
from torch import Tensor, nn

from jaccheck.errors import InvalidModel
from jaccheck.methods.copies import DIFFERENT_ROUNDINGS, deep_copy, differ, largest, run
from jaccheck.methods.module_state import changed, state_of
from jaccheck.methods.problem import Problem

MOST_PASSES, SECONDS = 48, 2.0
"""Passes, and the time for them, in which a state that seldom changes the output can show; one pass is always made."""


def careful_copy(problem: Problem) -> tuple[nn.Module, Tensor, bool]:
    """A copy and its input in float64 where the model runs in it, else in its own dtype; and whether it does."""
    X = problem.X.detach()
    try:
        model = deep_copy(deep_copy(problem.model).double())  # a copy of a copy may be float32 again
        double = X.double() if X.is_floating_point() else X
        if run(model, double).dtype == torch.float64:
            return deep_copy(problem.model).double(), double, True
    except (RuntimeError, TypeError, ValueError, NotImplementedError):
        pass
    return deep_copy(problem.model), X, False


class Steadiness:
    """The output of a copy that never ran, to be compared with those of later ones.

    `model` and `X` are in float64 where the model runs in it; the model has not run.
    """

    def __init__(self, problem: Problem) -> None:
        self.model, self.X, self.is_double = careful_copy(problem)
        self._first = self._output()
        self._in_evaluation = deep_copy(self.model).eval() if _is_training(problem.model) else None
        self._first_in_evaluation = (
            None if self._in_evaluation is None else _evaluated(deep_copy(self._in_evaluation), self.X)
        )

    def check(self, passes: int = MOST_PASSES) -> None:
        """Nothing, or InvalidModel where one of so many more passes gives another output.

        Where copies hold other numbers, as those of a `__deepcopy__` that forgets some, that is no doing of a pass.
        """
        began = time.perf_counter()
        for done in range(passes):
            generator = torch.get_rng_state()
            if _is_another(self._output(), self._first):
                if changed(state_of(self.model), state_of(deep_copy(self.model))):
                    return
                is_random = not torch.equal(generator, torch.get_rng_state())
                raise InvalidModel(another(is_random=is_random, is_settled_by_eval=self._is_settled(2 * done + 2)))
            if time.perf_counter() - began > SECONDS:
                return

    def _output(self) -> Tensor:
        return run(deep_copy(self.model), self.X).detach()

    def _output_in_evaluation(self) -> Tensor | None:
        return None if self._in_evaluation is None else _evaluated(deep_copy(self._in_evaluation), self.X)

    def _is_settled(self, passes: int) -> bool:
        """Whether as many passes in evaluation mode give what the first one gave."""
        if self._first_in_evaluation is None:
            return False
        outputs = (self._output_in_evaluation() for _ in range(passes))
        return not any(found is None or _is_another(found, self._first_in_evaluation) for found in outputs)


def another(*, is_settled_by_eval: bool, is_random: bool = False, names: str = "") -> str:
    """That a model gives another output when it is run again, and why: by its state of these names, where it has."""
    if names:
        why = f"each forward pass changes {names}"
    elif is_random:
        why = "it draws random numbers"
    else:
        why = "it is random, or follows the time, a counter or another state outside of its parameters and buffers"
    helps = "; model.eval() ends that" if is_settled_by_eval else ", in evaluation mode too"
    return f"the model gives another output when it is run again: {why}{helps}"


def is_settled_by_eval(problem: Problem, *, exactly: bool) -> bool:
    """Whether one copy of the model gives the same again in evaluation mode, in two passes: to the bit, or nearly."""
    if not _is_training(problem.model):
        return False
    model = deep_copy(problem.model).eval()
    first, second = (_evaluated(model, problem.X) for _ in range(2))
    if first is None or second is None or _is_another(second, first):
        return False
    return not exactly or not differ(second, first, 0.0)


def _is_training(model: nn.Module) -> bool:
    return any(module.training for module in model.modules())


def _evaluated(model: nn.Module, X: Tensor) -> Tensor | None:
    """What the model gives; nothing where it does not run."""
    try:
        return run(model, X).detach()
    except Exception:
        return None


def _is_another(one: Tensor, other: Tensor) -> bool:
    limit = DIFFERENT_ROUNDINGS * torch.finfo(other.dtype).eps * largest(other)
    return one.shape != other.shape or differ(one, other, limit)
