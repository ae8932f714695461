"""`EstimatedForm`: what the Jacobians of a case without a bound rule must be, far outside of which they are wrong.

The truth is autograd in float64, one sample at a time. How far rounding can lead from it is not proven but estimated,
as `jaccheck check` does it (`noise.py`), by moving the result of every operation at random; here by FAR times the
roundoff instead of 32 times. Nothing that rounds a few times in each operation comes near that, so what is outside has
another structure or another value; what is inside is CONSISTENT.
"""

from __future__ import annotations

import numpy as np
import torch

from jaccheck.judging.autograd import autograd_by_sample, flattened
from jaccheck.judging.forms import Expectation
from jaccheck.judging.noise import pooled, spread
from jaccheck.methods import Method, Problem
from jaccheck.oracle import Array, Layout
from jaccheck.reports import Source

FAR = 1024
"""Roundoffs by which an operation's result is moved: hundreds of times what it may be off, far below a wrong value."""


class EstimatedForm:
    """Autograd's Jacobians in float64, and how far from them is far in one dtype."""

    source: Source = "float64 autograd"
    exact = False

    def __init__(self, double: Problem, own: Array, dtype: str) -> None:
        θ = double.parameters
        self.layout = Layout(double.N, double.C, {name: tuple(p.shape) for name, p in θ.items()})
        self.jacobian = _autograd(double)
        self.nonzero = int(np.count_nonzero(self.jacobian))
        kind = torch.finfo(getattr(torch, dtype))
        size = FAR * float(kind.eps) / 2
        floor = FAR * float(kind.smallest_normal) * max(1.0, float(np.max(np.abs(self.jacobian), initial=0.0)))
        # Moved by as much as themselves, numbers say nothing any more.
        widest = spread(double, _autograd, self.jacobian, size, 1) if size < 1 else np.full_like(self.jacobian, np.inf)
        bound = pooled(widest, self.layout, floor)
        # Where torch's own autograd in this dtype is further off, the estimate has missed something.
        with np.errstate(invalid="ignore"):
            bound[~(np.abs(own - self.jacobian) <= bound)] = np.inf
        self.reference_bound = bound

    def expectation(self, method: Method, *, rows: tuple[int, int] | None = None) -> Expectation:
        """How far off is far; unknown for difference quotients, whose step is not small. No entry is decided by it."""
        bound = np.full_like(self.reference_bound, np.inf) if method.step else self.reference_bound
        return Expectation("estimate", bound, bound.size)


def _autograd(problem: Problem) -> Array:
    return flattened(autograd_by_sample(problem))
