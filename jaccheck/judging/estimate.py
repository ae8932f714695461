"""`EstimatedReference`: what the Jacobians of a problem without a bound rule must be.

The truth is autograd in float64, one sample at a time. How far rounding can lead from it is not proven but estimated,
by moving the result of every operation at random (`stochastic_arithmetic.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from jaccheck.judging.autograd import flat_autograd
from jaccheck.judging.reference import Expectation, Reference, count_undecided
from jaccheck.judging.stochastic_arithmetic import pooled, spread
from jaccheck.methods import Method, Problem
from jaccheck.oracle import Array, Layout


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """How the results of operations are moved: by up to so many unit roundoffs, in so many pairs of draws.

    `decides` says whether an entry counts as decided where the estimate is small beside it.
    """

    roundoffs: int
    pairs: int
    decides: bool


CLOSE = Strength(roundoffs=32, pairs=2, decides=True)
"""For a user's model. See `tests/judging/test_stochastic_arithmetic.py` and docs/check.md for false alarms and misses
measured at it."""

FAR = Strength(roundoffs=1024, pairs=1, decides=False)
"""For a drawn case: hundreds of times what an operation may be off, and far below a wrong value.

Nothing that rounds a few times in each operation comes near that, so what is outside has another structure or another
value; what is inside is consistent, and proves nothing.
"""

SIZE_IN_FLOAT64 = 2.0**-42
"""How far numbers are moved for the comparison in float64: 2,048 times its roundoff, and far below any wrong value."""


class EstimatedReference(Reference):
    """Autograd's Jacobians in float64, and how far rounding is estimated to lead from them in one dtype.

    `double` is the problem in float64, or None where the model does not run in it: then its own autograd is the truth.
    `autograd` are the Jacobians of `own` by autograd, and `roundoff` is the unit roundoff of its arithmetic.
    """

    exact = False

    def __init__(
        self,
        own: Problem,
        double: Problem | None,
        layout: Layout,
        autograd: Array,
        *,
        strength: Strength,
        roundoff: float,
    ) -> None:
        self.layout, self.dtype, self.device = layout, own.dtype, own.device
        self.source = "autograd" if double is None else "float64 autograd"
        self.jacobian = autograd if double is None else flat_autograd(double)
        self._strength, self._double = strength, double
        truth, size = double or own, strength.roundoffs * roundoff
        self.autograd_bound = self._estimated(truth, size, strength.pairs, self.dtype)
        # Where torch's own autograd in this dtype is further off, the estimate has missed something.
        with np.errstate(invalid="ignore"):
            self.autograd_bound[~(np.abs(autograd - self.jacobian) <= self.autograd_bound)] = np.inf
        self._undecided = layout.entries
        self._in_float64: Expectation | None = None
        if strength.decides:
            self._undecided = count_undecided(layout, self.jacobian, self.autograd_bound)
            if double is not None and self.dtype != "float64":
                bound = self._estimated(double, SIZE_IN_FLOAT64, 1, "float64")
                estimate = self._expectation("estimate", bound, 0)
                self._in_float64 = replace(estimate, dtype="float64", device=double.device)

    def _estimated(self, truth: Problem, size: float, pairs: int, dtype: str) -> Array:
        # A dtype without small numbers rounds them to zero, wherever on the way they occur.
        finite = np.abs(self.jacobian[np.isfinite(self.jacobian)])
        smallest = float(torch.finfo(getattr(torch, dtype)).smallest_normal)
        floor = self._strength.roundoffs * smallest * max(1.0, float(np.max(finite, initial=0.0)))
        # Moved by as much as themselves, numbers say nothing any more.
        is_small = size < 1
        widest = spread(truth, self.jacobian, size, pairs) if is_small else np.full_like(self.jacobian, np.inf)
        return pooled(widest, self.layout, floor)

    def expectation(self, method: Method, *, rows: tuple[int, int] | None = None) -> Expectation:
        """How far off is too far; at FAR that is unknown for difference quotients, whose step is not small."""
        is_unknown = bool(method.step) and not self._strength.decides
        bound = np.full_like(self.autograd_bound, np.inf) if is_unknown else self.autograd_bound
        return self._expectation("estimate", bound, self._undecided)

    def expectations(self, method: Method) -> Iterator[Expectation]:
        """In float64, where method and model have it and the estimate is close, then in the problem's own dtype.

        In float64 a wrong value is off by millions of times what rounding does; in the own dtype a loss of precision
        shows.
        """
        double = self._double
        if self._in_float64 and double is not None and not method.step and not method.refuses(double):
            yield self._in_float64
        yield self.expectation(method)
