"""`Subject`: a model as a function of its parameters in float64, for difference quotients and for autograd."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from jaccheck.judging.compiled import as_written
from jaccheck.judging.live.parts import in_float64
from jaccheck.judging.stochastic_arithmetic import Moved, Moves, generator_for
from jaccheck.methods import Problem, deep_copy, run, state_of
from jaccheck.oracle import Array

MOST_SAMPLES = 64
"""Samples that are looked at, spread evenly over the batch."""

MOVES = 8.0
"""Unit roundoffs, relative to the parameters, by which they are moved to see what rounding does to the output."""

ROUNDINGS, DRAWS = 4.0, 4
"""Unit roundoffs by which results on the way are moved for the same, and how often."""

UNSET = 0.1
"""The size of a step in a parameter that is zero everywhere."""

Direction = dict[str, Tensor]


class Coarsest(TorchDispatchMode):
    """Sees the coarsest floating numbers that operations return."""

    def __init__(self) -> None:
        super().__init__()
        self.eps = 0.0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """The result as it is."""
        result = func(*args, **(kwargs or {}))
        for each in tree_leaves(result):
            if isinstance(each, Tensor) and each.is_floating_point():
                self.eps = max(self.eps, torch.finfo(each.dtype).eps)
        return result


class Subject:
    """The outputs of some samples as a function of the parameters.

    It is in float64 where the model runs in it, else in the model's own dtype; `eps` is that of the coarsest numbers
    that are computed on the way.
    """

    def __init__(self, problem: Problem) -> None:
        count = min(problem.N, MOST_SAMPLES)
        self.samples = [round(i * (problem.N - 1) / max(count - 1, 1)) for i in range(count)]
        rows = problem.X.detach()[self.samples].requires_grad_(problem.X.requires_grad)
        chosen = Problem(problem.model, rows, problem.C)
        self._base, self._model, self.eps = runs_in(chosen)
        self.C = problem.C
        began = time.perf_counter()
        self.center = _flat(run(self._model, self._base.X))
        self.pass_s = time.perf_counter() - began
        # What a pass keeps may depend on the parameters; then each pass has a copy that never ran.
        self._is_fresh = state_of(self._base.model) != state_of(self._model)
        self.changing = self._parameters_that_change()

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        """Of the base, which never runs."""
        return self._base.parameters

    def random_direction(self, seed: int) -> Direction:
        """One step in every parameter that a forward pass leaves alone, of the size of its numbers."""
        generator = torch.Generator().manual_seed(seed)
        steps = {}
        for name, p in self.parameters.items():
            size = float(p.detach().double().square().mean().sqrt()) if p.numel() else 0.0
            step = torch.randn(p.shape, generator=generator, dtype=torch.float64) * (size or UNSET)
            steps[name] = (step * (name not in self.changing)).to(p.device, p.dtype)
        return steps

    def along(self, direction: Direction) -> Callable[[float], Array]:
        """The outputs as a function of how far the parameters are moved."""
        return lambda t: self._at(direction, t) if t else self.center

    def noise(self, direction: Direction) -> Array:
        """How far rounding moves each output."""
        moved = [self._at(direction, sign * MOVES * self.eps) for sign in (1, -1, 0.5)]
        found: Array = np.max([np.abs(each - self.center) for each in moved], axis=0)
        return found + self._lost_on_the_way + 4 * self.eps * np.abs(self.center)

    @cached_property
    def _lost_on_the_way(self) -> Array:
        """How far each output moves where the result of every operation is moved by some of its own roundings.

        What is large on the way and cancels leaves the output standing still while parameters move by less than it is
        rounded: a quotient over such a step says nothing.
        """
        kinds = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
        moves = Moves(
            {kind: ROUNDINGS * torch.finfo(kind).eps / 2 for kind in kinds}, generator_for(self._base.X.device, 0)
        )
        widest = np.zeros_like(self.center)
        try:
            for _ in range(DRAWS):
                with as_written(), Moved(moves):
                    there = _flat(run(self._fresh(), self._base.X))
                np.maximum(widest, np.nan_to_num(np.abs(there - self.center)), out=widest)
        except (RuntimeError, TypeError, ValueError, NotImplementedError, IndexError):
            pass  # it does not run on moved numbers, and what is known of its rounding is not all
        return widest

    def gradients(
        self, weights: Array, cut: contextlib.AbstractContextManager[object] | None = None
    ) -> dict[str, Tensor]:
        """Autograd's gradients of the weighted sum of all outputs, with a mode switched on."""
        model = self._fresh()
        parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
        with cut or contextlib.nullcontext():
            f = run(model, self._base.X)
            cotangent = torch.from_numpy(weights).to(f.device, f.dtype).view(f.shape)
            found = torch.autograd.grad(f, [*parameters.values()], cotangent, allow_unused=True)
        zeros = (
            torch.zeros_like(p) if g is None else g.to_dense() for p, g in zip(parameters.values(), found, strict=True)
        )
        return dict(zip(parameters, zeros, strict=True))

    def traced(self) -> tuple[nn.Module, Tensor]:
        """A model that did not run, and its input."""
        return self._fresh(), self._base.X

    def _fresh(self) -> nn.Module:
        return deep_copy(self._base.model)

    def _at(self, direction: Direction, t: float) -> Array:
        model = self._fresh() if self._is_fresh else self._model
        named = dict(model.named_parameters())
        with torch.no_grad():
            for name, step in direction.items():
                named[name].copy_(self.parameters[name] + t * step)
        return _flat(run(model, self._base.X))

    def _parameters_that_change(self) -> frozenset[str]:
        """Those that a forward pass writes to where they are moved, as `max_norm` of an embedding does."""
        model = self._fresh()
        with torch.no_grad():
            for p in model.parameters():
                p.mul_(2)
            put = {name: p.detach().clone() for name, p in model.named_parameters()}
        run(model, self._base.X)
        return frozenset(name for name, p in model.named_parameters() if not torch.equal(p.detach(), put[name]))


def _flat(f: Tensor) -> Array:
    found: Array = f.detach().double().cpu().numpy().reshape(-1).copy()
    return found


def runs_in(problem: Problem) -> tuple[Problem, nn.Module, float]:
    """The problem in float64 where it runs in it, else as it is; a copy that ran once; the coarsest eps on the way."""
    for make in (in_float64, _own):
        base = make(problem)
        model, seen = deep_copy(base.model), Coarsest()
        try:
            with seen:
                run(model, base.X)
        except (RuntimeError, TypeError, ValueError, NotImplementedError):
            if make is _own:
                raise
            continue
        return base, model, seen.eps
    raise AssertionError("one of the two returns")


def _own(problem: Problem) -> Problem:
    return Problem(deep_copy(problem.model), problem.X, problem.C)
