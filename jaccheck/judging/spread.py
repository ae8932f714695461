"""`Spread`: how far autograd's Jacobians in moved arithmetic lie from what they should be, entry by entry."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
import torch
from torch import Tensor

from jaccheck.judging.draws import DoesNotRun, Drawn, Draws, Row
from jaccheck.judging.stochastic_arithmetic import Sizes
from jaccheck.methods import Problem
from jaccheck.oracle import Array, Layout

LEAST_DRAWS = 4
"""With fewer, an entry can have hardly moved by chance in all of them, and nothing is known."""

TRIED = 2
"""Rows of so many samples, and so many of each, are computed one by one first."""

FURTHER = 16
"""So many times as far off is not rounding in other kernels, but a fault in them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spread:
    """Of so many draws: the root mean square and the largest of each entry's distances; infinite where unknown."""

    draws: int
    typical: Array
    largest: Array


def spread_of(
    problem: Problem,
    exact: Array,
    rows: Sequence[Row],
    *,
    layout: Layout,
    sizes: Sizes,
    draws: int,
    seed: int = 0,
    seconds: float = inf,
    least_passes: int = 4,
) -> Spread:
    """How the rows spread around `exact`, the flat Jacobians of `layout`; entries are those of these rows, flat.

    `problem` must be a copy of its own. Where time ends before LEAST_DRAWS, or the model does not run when its numbers
    are moved, nothing is known.
    """
    sums, source = _Sums(exact, rows, layout), Draws(problem, sizes, seed)
    ends = time.process_time() + seconds
    try:
        source.is_batched = _is_batched_right(source, sums, _tried(rows))
        for drawn in source.of(rows, draws, least_passes):
            sums.add(drawn)
            if time.process_time() > ends and sums.least >= LEAST_DRAWS:
                break
    except DoesNotRun:
        return Spread(draws=0, typical=np.full(sums.size, inf), largest=np.full(sums.size, inf))
    return sums.spread()


def _is_batched_right(source: Draws, sums: _Sums, rows: Sequence[Row]) -> bool:
    """Whether a backward pass for several rows together is no further off than one for each.

    Torch computes it with other kernels, which have faults of their own: often in all rows but the first.
    """
    source.is_batched = False
    apart = [sums.distances(drawn) for drawn in source.of(rows, 1)]
    source.is_batched = True
    together = sums.distances(source.side_by_side(rows))
    widest = [max(column) for column in zip(*apart, strict=True)]
    return source.is_batched and all(
        far <= FURTHER * usual or far <= usual for far, usual in zip(together, widest, strict=True)
    )


def _tried(rows: Sequence[Row]) -> Sequence[Row]:
    samples = list(dict.fromkeys(n for n, _ in rows))[:TRIED]
    return [row for n in samples for row in [row for row in rows if row[0] == n][:TRIED]]


class _Sums:
    """Sums over draws of squared distances, `(rows, numbers)` for each parameter."""

    def __init__(self, exact: Array, rows: Sequence[Row], layout: Layout) -> None:
        self._line = {row: line for line, row in enumerate(rows)}
        self._count = torch.zeros(len(rows), dtype=torch.float64)
        lines = [n * layout.C + c for n, c in rows]
        blocks = (torch.from_numpy(exact[part]).reshape(layout.N * layout.C, -1) for part in layout.offsets().values())
        is_all = lines == list(range(layout.N * layout.C))
        self._exact = [block if is_all else block[lines] for block in blocks]
        self._squares = [torch.zeros_like(block) for block in self._exact]
        self._largest = [torch.zeros_like(block) for block in self._exact]

    @property
    def size(self) -> int:
        """How many entries there are."""
        return sum(block.numel() for block in self._exact)

    @property
    def least(self) -> int:
        """Of every row there are so many draws."""
        return int(self._count.min())

    def add(self, drawn: Drawn) -> None:
        """Takes a pass in."""
        lines = torch.tensor([self._line[row] for row in drawn.rows])
        self._count.index_add_(0, lines, torch.ones(len(lines), dtype=torch.float64))
        for squares, largest, off in zip(self._squares, self._largest, self._off(drawn), strict=True):
            squares.index_add_(0, lines, off.square())
            # One after another, since a row can come twice.
            for line, row in zip(lines.tolist(), off, strict=True):
                torch.maximum(largest[line], row, out=largest[line])

    def distances(self, drawn: Drawn) -> list[float]:
        """By parameter: how far a pass is off in all."""
        return [float(off.norm()) for off in self._off(drawn)]

    def _off(self, drawn: Drawn) -> Iterator[Tensor]:
        lines = torch.tensor([self._line[row] for row in drawn.rows])
        for exact, J in zip(self._exact, drawn.jacobians, strict=True):
            moved = J.reshape(len(lines), -1).to("cpu", torch.float64)
            right = exact[lines]
            off = (moved - right).abs_()
            same = (moved == right) | (moved.isnan() & right.isnan())
            # Where a draw is NaN or infinite, and should not be, nothing is known.
            yield torch.where(same, 0.0, off.nan_to_num_(nan=inf, posinf=inf))

    def spread(self) -> Spread:
        """What came of it."""
        typical = (squares.div_(self._count[:, None]).sqrt_() for squares in self._squares)
        return Spread(draws=self.least, typical=_flat(typical), largest=_flat(self._largest))


def _flat(blocks: Iterator[Tensor] | Sequence[Tensor]) -> Array:
    pieces = [block.reshape(-1) for block in blocks]
    flat: Array = torch.cat(pieces).numpy() if pieces else np.zeros(0)
    return flat
