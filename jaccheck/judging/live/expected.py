"""What the Jacobians of a part must be: the closed form where it has a rule for every layer, else float64 autograd.

A `Target` is one comparison. With the closed form there is one: equal, or within the proven bound. Without it there are
two, both by estimate: the method itself in float64, where a wrong value is off by millions of times what rounding does,
and the method in the model's own dtype, where the loss of precision shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from jaccheck.judging.autograd import autograd_by_sample, flattened
from jaccheck.judging.forms import ClosedFormWitness, count_undecided
from jaccheck.judging.live.network import part_of
from jaccheck.judging.live.parts import Part, in_float64
from jaccheck.judging.noise import STRENGTH, Precision, pooled, spread
from jaccheck.methods import Method, Problem
from jaccheck.oracle import Array, Layout, Network
from jaccheck.reports import Witness

SIZE_IN_FLOAT64 = 2.0**-42
"""How far numbers are moved for the comparison in float64: 2,048 times its roundoff, and far below any wrong value."""


@dataclass(frozen=True, slots=True)
class Target:
    """One comparison of one method on one part."""

    comparison: Literal["exact", "bound", "estimate", "none"]
    problem: Callable[[], Problem]
    """A fresh problem for the method."""
    expected: Array
    bound: Array
    undecided: int
    is_own_dtype: bool = True


class ClosedForm:
    """The closed form of a part."""

    witness: Witness = "closed form"

    def __init__(self, problem: Problem, part: Part, network: Network) -> None:
        self._make = lambda: part.of(problem)
        self._form = ClosedFormWitness(part_of(network, part), problem.dtype)
        self.layout = self._form.layout

    def targets(self, method: Method) -> Iterator[Target]:
        """The one comparison with the closed form."""
        expectation = self._form.expectation(method)
        yield Target(expectation.mode, self._make, self._form.jacobian, expectation.bound, expectation.undecided)


class Estimate:
    """Autograd in float64 one sample at a time, and how far rounding is estimated to lead from it."""

    def __init__(self, problem: Problem, part: Part) -> None:
        self._make = lambda: part.of(problem)
        own = self._make()
        θ = problem.parameters
        self.layout = Layout(own.N, own.C, {name: tuple(p.shape) for name, p in θ.items()})
        self._control = live_autograd(own)
        self._dtype = problem.dtype
        double = float64_of(own)
        self.witness: Witness = "autograd" if double is None else "float64 autograd"
        self._double = double
        reference = own if double is None else double
        self.exact = self._control if double is None else live_autograd(reference)
        self._bound = self._estimated(reference, STRENGTH * roundoff(problem), 2, problem.dtype)
        if double is not None and problem.dtype != "float64":
            self._bound_in_float64 = self._estimated(double, SIZE_IN_FLOAT64, 1, "float64")
        # Where torch's own autograd in this dtype is further off, the estimate has missed something.
        with np.errstate(invalid="ignore"):
            self._bound[~(np.abs(self._control - self.exact) <= self._bound)] = np.inf
        self._undecided = count_undecided(self.layout, self.exact, self._bound)

    def _estimated(self, reference: Problem, size: float, pairs: int, dtype: str) -> Array:
        # A dtype without small numbers rounds them to zero, wherever on the way they occur.
        finite = np.abs(self.exact[np.isfinite(self.exact)])
        smallest = torch.finfo(getattr(torch, dtype)).smallest_normal
        floor = STRENGTH * smallest * max(1.0, float(np.max(finite, initial=0.0)))
        return pooled(spread(reference, live_autograd, self.exact, size, pairs), self.layout, floor)

    def targets(self, method: Method) -> Iterator[Target]:
        """In float64, where the method and the model have it, then in the model's own dtype."""
        mode: Literal["estimate", "none"] = "none" if method.step else "estimate"
        double = self._double
        if double is not None and self._dtype != "float64" and not method.step and not method.refuses(double):
            yield Target(mode, lambda: in_float64(self._make()), self.exact, self._bound_in_float64, 0, False)
        yield Target(mode, self._make, self.exact, self._bound, self._undecided)


Expected = ClosedForm | Estimate


def expected_of(problem: Problem, part: Part, network: Network | None) -> Expected:
    """What a part must be: by the closed form of `network` or, where there is none, by estimate."""
    return ClosedForm(problem, part, network) if network else Estimate(problem, part)


def roundoff(problem: Problem) -> float:
    """Unit roundoff of the problem's arithmetic; that of TF32 where torch may use it on an NVIDIA device."""
    kind = getattr(torch, problem.dtype)
    coarse = problem.X.device.type == "cuda" and kind is torch.float32
    if coarse and (torch.backends.cudnn.allow_tf32 or torch.get_float32_matmul_precision() != "highest"):
        return 2.0**-11
    if kind is torch.float32 and torch.get_float32_matmul_precision() == "medium":
        return 2.0**-8
    return float(torch.finfo(kind).eps) / 2


def live_autograd(problem: Problem) -> Array:
    """Autograd's Jacobians, flat, one forward pass for each sample."""
    return flattened(autograd_by_sample(problem))


def float64_of(problem: Problem) -> Problem | None:
    """The problem in float64, or None where the model does not run in it, or not in it throughout."""
    try:
        double = in_float64(problem)
        with Precision() as precision:
            autograd_by_sample(Problem(double.model, double.X[:1], double.C))
    except (RuntimeError, TypeError, ValueError, NotImplementedError):
        return None
    return None if precision.coarse else double
