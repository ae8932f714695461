"""`EstimatedReference`: what the Jacobians of a problem without a bound rule must be.

The truth is autograd in float64, one sample at a time. How far rounding can lead from it is not proven but measured,
by moving the result of every operation at random (`stochastic_arithmetic.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf, nan

import numpy as np
import numpy.typing as npt
import torch

from jaccheck.judging.autograd import flat_autograd
from jaccheck.judging.doubling import default_dtype
from jaccheck.judging.reference import Expectation, Reference, count_undecided
from jaccheck.judging.second_look import SecondLook
from jaccheck.judging.spread import spread_of
from jaccheck.judging.stochastic_arithmetic import Sizes
from jaccheck.methods import Method, Problem, copy_of
from jaccheck.oracle import Array, Layout


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """How far results of operations are moved, in multiples of the unit roundoff of their dtype, in so many draws.

    `roundoffs` are for dtypes whose kernels add up in themselves, `half` for those that add up in float32. `decides`
    says whether an entry counts as decided where the estimate is small beside it.
    """

    roundoffs: int
    half: int
    draws: int
    decides: bool

    @property
    def sizes(self) -> Sizes:
        """By how much numbers of each dtype are moved."""
        coarse = {kind: self.half * torch.finfo(kind).eps / 2 for kind in (torch.bfloat16, torch.float16)}
        fine = {kind: self.roundoffs * torch.finfo(kind).eps / 2 for kind in (torch.float32, torch.complex64)}
        wide = dict.fromkeys((torch.float64, torch.complex128), max(self.roundoffs * 2.0**-53, SIZE_IN_FLOAT64))
        return coarse | fine | wide


SIZE_IN_FLOAT64 = 2.0**-42
"""How far numbers in float64 are moved at least: 2,048 times their roundoff, and far below any wrong value."""

CLOSE = Strength(roundoffs=32, half=4, draws=8, decides=True)
"""For a user's model. See benchmarks/estimate.py and docs/check.md for false alarms and misses measured at it."""

FAR = Strength(roundoffs=1024, half=32, draws=4, decides=False)
"""For a drawn case: hundreds of times what an operation may be off, and far below a wrong value.

Nothing that rounds a few times in each operation comes near that, so what is outside has another structure or another
value; what is inside is consistent, and proves nothing.
"""

TIMES = 3.0
"""An entry is consistent up to so many times its root mean square distance in moved arithmetic."""

ROUNDINGS = {"float64": 16, "float32": 16, "bfloat16": 4, "float16": 4}
"""And up to so many unit roundoffs of itself, since a result is scaled and rounded at the end."""


class EstimatedReference(Reference):
    """Autograd's Jacobians in float64, and how far rounding is estimated to lead from them in one dtype.

    `double` is the problem in float64, or None where the model does not run in it: then its own autograd is the truth.
    `autograd` are the Jacobians of `own` by autograd. `coarsest` is the least roundoff that arithmetic in the own dtype
    is taken to have.
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
        coarsest: float = 0.0,
        seconds: float = inf,
    ) -> None:
        self.layout, self.dtype, self.device = layout, own.dtype, own.device
        self.source = "autograd" if double is None else "float64 autograd"
        self._strength, self._double, self._seconds = strength, double, seconds
        if double is None:
            self.jacobian = autograd
        else:
            with default_dtype(torch.float64):
                self.jacobian = _without(flat_autograd(double), nan_outputs(double), layout, nan)
        sizes = dict(strength.sizes)
        kind = getattr(torch, self.dtype)
        sizes[kind] = max(sizes[kind], (strength.half * coarsest))
        self._problem = own
        self._own = self._estimated(own, sizes, autograd)
        self.autograd_bound = self._own.bound
        self._in_float64: Expectation | None = None
        if strength.decides and double is not None and self.dtype != "float64":
            self._in_float64 = self._estimated(double, sizes, self.jacobian)

    def _estimated(self, problem: Problem, sizes: Sizes, autograd: Array) -> Expectation:
        rows = [(n, c) for n in range(self.layout.N) for c in range(self.layout.C)]
        limit = np.full_like(self.jacobian, inf)
        # Moved by as much as themselves, numbers say nothing any more.
        if sizes[getattr(torch, problem.dtype)] < 1:
            with default_dtype(getattr(torch, problem.dtype) if problem is self._double else None):
                spread = spread_of(
                    copy_of(problem),
                    self.jacobian,
                    rows,
                    layout=self.layout,
                    sizes=sizes,
                    draws=self._strength.draws,
                    seconds=self._seconds,
                )
            limit = first_limit(self.jacobian, spread.typical, problem.dtype)
        # Where torch's own autograd in this dtype is further off, the estimate has missed something.
        with np.errstate(invalid="ignore"):
            off = np.abs(autograd - self.jacobian) <= limit
            limit[~(off | (autograd == self.jacobian) | (np.isnan(autograd) & np.isnan(self.jacobian)))] = inf
        with default_dtype(getattr(torch, problem.dtype) if problem is self._double else None):
            limit = _without(limit, nan_outputs(problem), self.layout, inf)
        undecided = count_undecided(self.layout, self.jacobian, limit)
        expectation = self._expectation("estimate", limit, undecided if self._strength.decides else self.layout.entries)
        # What is outside of FAR is far outside.
        look = self._second_look(problem, sizes) if self._strength.decides else None
        return replace(expectation, dtype=problem.dtype, device=problem.device, look=look)

    def _second_look(self, problem: Problem, sizes: Sizes) -> SecondLook:
        def limit(exact: Array, typical: Array) -> Array:
            return first_limit(exact, typical, problem.dtype)

        return SecondLook(lambda: copy_of(problem), self.jacobian, self.layout, sizes, limit)

    def expectation(self, method: Method, *, rows: tuple[int, int] | None = None) -> Expectation:
        """How far off is too far; at FAR that is unknown for difference quotients, whose step is not small."""
        is_unknown = bool(method.step) and not self._strength.decides
        if is_unknown:
            return replace(self._own, bound=np.full_like(self._own.bound, inf))
        return self._divided(self._own, method)

    def _divided(self, found: Expectation, method: Method) -> Expectation:
        """The same for a method that divides by the root of a loss's Hessian, which mixes the outputs of a sample.

        As in oracle/losses.py: four times the limit of the largest of all outputs, and as many of the roundings
        of probabilities; of one probability alone 1 − p is off by e^f times as much.
        """
        if not method.loss:
            return found
        layout, u = self.layout, torch.finfo(getattr(torch, found.dtype)).eps / 2
        most = self._largest_output * (np.exp(min(self._largest_output, 700.0)) if layout.C == 1 else 1.0)
        limits, values = found.bound.copy(), np.abs(self.jacobian)
        for part in layout.offsets().values():
            limit, size = (each[part].reshape(layout.N, layout.C, -1) for each in (limits, values))
            limit += 4 * limit.max(1, keepdims=True, initial=0.0)
            limit += (64 + 4 * layout.C + 16 * most) * u * size.max(1, keepdims=True, initial=0.0)
        return replace(found, bound=limits, undecided=count_undecided(layout, self.jacobian, limits))

    @cached_property
    def _largest_output(self) -> float:
        copied = copy_of(self._problem)
        with torch.no_grad():
            f = copied.model(copied.X)
        return float(f.double().abs().max()) if f.numel() else 0.0

    def expectations(self, method: Method) -> Iterator[Expectation]:
        """In float64, where method and model have it and the estimate is close, then in the problem's own dtype.

        In float64 a wrong value is off by millions of times what rounding does; in the own dtype a loss of precision
        shows.
        """
        double = self._double
        if self._in_float64 and double is not None and not method.step and not method.refuses(double):
            yield self._divided(self._in_float64, method)
        yield self.expectation(method)


def _without(flat: Array, rows: npt.NDArray[np.bool_], layout: Layout, value: float) -> Array:
    """A flat vector with this value in the rows of outputs that are NaN: whatever reverse mode makes of them, often
    zero, and forward mode, NaN, there is no derivative.
    """
    for part in layout.offsets().values() if rows.any() else ():
        flat[part].reshape(*rows.shape, -1)[rows] = value
    return flat


def nan_outputs(problem: Problem) -> npt.NDArray[np.bool_]:
    """Which outputs are NaN, `(N, C)`, of a copy of the model."""
    copied = copy_of(problem)
    with torch.enable_grad():  # a forward pass may compute gradients itself
        f = copied.model(copied.X).detach()
    found: npt.NDArray[np.bool_] = f.isnan().reshape(problem.N, problem.C).cpu().numpy()
    return found


def first_limit(exact: Array, typical: Array, dtype: str) -> Array:
    """Up to which distance an entry of this root mean square distance in moved arithmetic is consistent."""
    return TIMES * typical + floor(exact, typical, dtype)


def floor(exact: Array, typical: Array, dtype: str) -> Array:
    """How far an entry may be off whatever was drawn: it is rounded at the end, and may underflow on the way.

    An entry that is zero, and was zero in every draw, is zero whatever is rounded.
    """
    info = torch.finfo(getattr(torch, dtype))
    with np.errstate(invalid="ignore"):
        size = np.nan_to_num(np.abs(exact), nan=0.0, posinf=0.0) * (ROUNDINGS[dtype] * info.eps / 2)
    # Float16 is computed with its subnormal numbers; others may be flushed to zero where they would be subnormal.
    least = info.smallest_normal * (4 * info.eps if dtype == "float16" else 1.0)
    return np.where((exact == 0) & (typical == 0), 0.0, size + least)
