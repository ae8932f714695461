"""`SecondLook`: hundreds of draws of just the rows in which a result sticks out, before anything is called wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import inf, prod

import numpy as np
import numpy.typing as npt
import torch

from jaccheck.judging.doubling import default_dtype
from jaccheck.judging.draws import Row
from jaccheck.judging.spread import LEAST_DRAWS as FEW
from jaccheck.judging.spread import spread_of
from jaccheck.judging.stochastic_arithmetic import Sizes
from jaccheck.methods import Problem
from jaccheck.oracle import Array, Layout

Mask = npt.NDArray[np.bool_]

DRAWS, LEAST_DRAWS = 128, 64
"""Of a row; with fewer than the least nothing is called wrong, but in float64."""

MOST_ROWS = 3
"""Of a result, those that stick out furthest; what sticks out elsewhere stays undecided."""

TIMES_LARGEST = 1.5
"""An entry is consistent up to so many times the largest of its distances in all draws,"""

TIMES_CONTROL = 4.0
"""and up to so many times what torch's own autograd is off, by sample or over the whole batch."""

WRONG = 8.0
"""Beyond so many times that it is wrong; what lies between is undecided."""

WRONG_OF_FEW = 512.0
"""The same in float64 where there was no time for as many draws: there, each moves numbers 2,048 times as far as they
are rounded, and all four that there always are would have to be small by chance."""

SECONDS = 20.0
"""Of the processor, for all rows of one reference together."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Limits:
    """Of each entry of a row: up to which distance it is consistent, and beyond which it is wrong."""

    consistent: Array
    wrong: Array
    spread: Mask
    """Where a backward pass over the whole batch is NaN or infinite, and one of the sample alone is not."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Looked:
    """What came of a second look at a result: beyond `wrong` an entry is, and so many others are not decided."""

    wrong: Array
    undecided: int
    is_wrong: bool
    hint: str = ""


SPREAD = "a backward pass over the whole batch has no number there either: NaN spreads from other samples"


class SecondLook:
    """Looks at rows once, for whichever result sticks out in them. `make` gives a problem of its own each time."""

    def __init__(
        self,
        make: Callable[[], Problem],
        exact: Array,
        layout: Layout,
        sizes: Sizes,
        first: Callable[[Array, Array], Array],
    ) -> None:
        self._make, self._exact, self._layout, self._sizes = make, exact, layout, sizes
        self._first = first
        """The limit of entries from their exact values and root mean square distances."""
        self._known: dict[Row, Limits] = {}
        self._left = SECONDS

    def __call__(self, actual: Array, limit: Array, outside: Mask) -> Looked:
        """Looks at the rows with entries outside of `limit`, those first that are furthest outside."""
        wrong, is_in = np.full_like(limit, inf), np.zeros(len(limit), dtype=bool)
        remaining = outside.copy()
        for row in self._worst_rows(actual, limit, outside)[:MOST_ROWS]:
            places = self.places(row)
            limits = self.limits(row)
            wrong[places] = limits.wrong
            with np.errstate(invalid="ignore"):
                off = np.abs(actual[places] - self._exact[places])
                is_in[places] = off <= np.where(np.isfinite(limits.consistent), limits.consistent, -1.0)
                is_beyond = ~(off <= limits.wrong) & remaining[places] & np.isfinite(limits.wrong)
            if is_beyond.any():
                rest = np.isinf(wrong)
                wrong[rest] = np.where(np.isfinite(limit[rest]), WRONG * limit[rest], inf)
                hint = SPREAD if (is_beyond & limits.spread & ~np.isfinite(actual[places])).any() else ""
                return Looked(wrong=wrong, undecided=0, is_wrong=True, hint=hint)
        return Looked(wrong=wrong, undecided=int(np.count_nonzero(remaining & ~is_in)), is_wrong=False)

    def places(self, row: Row) -> npt.NDArray[np.int64]:
        """Where the entries of a row lie in the flat vector."""
        n, c = row
        found = []
        for name, part in self._layout.offsets().items():
            size = prod(self._layout.shapes[name])
            found.append(part.start + (n * self._layout.C + c) * size + np.arange(size))
        return np.concatenate(found)

    def _worst_rows(self, actual: Array, limit: Array, outside: Mask) -> list[Row]:
        rows = np.zeros(self._layout.N * self._layout.C)
        with np.errstate(all="ignore"):
            ratio = np.nan_to_num(np.abs(actual - self._exact) / limit, nan=inf, posinf=inf)
        ratio[~outside] = 0.0
        for part in self._layout.offsets().values():
            if part.stop > part.start:
                rows = np.maximum(rows, ratio[part].reshape(len(rows), -1).max(axis=1))
        order = np.argsort(-rows, kind="stable")
        return [divmod(int(line), self._layout.C) for line in order if rows[line] > 0]

    def limits(self, row: Row) -> Limits:
        """What the row may be off, from many draws of it and from torch's own autograd."""
        if row not in self._known:
            began = time.process_time()
            self._known[row] = self._look(row)
            self._left -= time.process_time() - began
        return self._known[row]

    def _look(self, row: Row) -> Limits:
        problem = self._make()
        exact = self._exact[self.places(row)]
        with default_dtype(torch.float64 if problem.dtype == "float64" else None):
            spread = spread_of(
                problem,
                self._exact,
                [row],
                layout=self._layout,
                sizes=self._sizes,
                draws=DRAWS,
                seed=1,
                seconds=max(0.0, self._left),
                least_passes=LEAST_DRAWS // 2,
            )
            alone, whole = (np.abs(each - exact) for each in _controls(self._make(), row))
        # NaN of another sample says nothing of what rounding does to this one.
        is_spread = np.isfinite(alone) & ~np.isfinite(whole)
        control = np.where(is_spread, alone, np.maximum(alone, whole))
        usual = self._first(exact, spread.typical)
        consistent = np.maximum(np.maximum(usual, TIMES_LARGEST * spread.largest), TIMES_CONTROL * control)
        # Where autograd itself sticks out, or too little was drawn, nothing is called wrong.
        is_known = (control <= WRONG * usual) & (spread.draws >= (FEW if problem.dtype == "float64" else LEAST_DRAWS))
        factor = WRONG if spread.draws >= LEAST_DRAWS else WRONG_OF_FEW
        return Limits(consistent=consistent, wrong=np.where(is_known, factor * consistent, inf), spread=is_spread)


def _controls(problem: Problem, row: Row) -> list[Array]:
    """The row by torch's autograd in the problem's dtype: by its sample alone, and over the whole batch."""
    n, c = row
    θ = list(problem.parameters.values())
    found = []
    for X, at in ((problem.X[n : n + 1], 0), (problem.X, n)):
        f = problem.model(X).reshape(len(X), -1)
        gradients = torch.autograd.grad(f[at, c], θ, allow_unused=True, materialize_grads=True)
        dense = (g.to_dense() if g.layout != torch.strided else g for g in gradients)
        found.append(torch.cat([g.reshape(-1).to("cpu", torch.float64) for g in dense]).numpy())
    return found
