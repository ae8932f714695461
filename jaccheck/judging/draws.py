"""`Draws`: autograd's Jacobians in moved arithmetic, many draws of all rows or of a few."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import inf

import torch
from torch import Tensor

from jaccheck.core import text_of
from jaccheck.judging.stochastic_arithmetic import Moved, Moves, Sizes, generator_for, moved_numbers
from jaccheck.methods import Problem

Row = tuple[int, int]
"""A sample and an output: one row of the Jacobians as a matrix."""

MOST_NUMBERS = 2**24
"""Numbers that a pass may move in all, where more samples are taken side by side."""

MOST_SAMPLES = 64

NUMBERS_PER_OPERATION = 2000
"""How many numbers are moved in the time that an operation takes apart from them."""

LESS = 0.8
"""By how much each sample must be cheaper than before for still more of them to be taken side by side."""


class DoesNotRun(Exception):
    """The model does not run when its numbers are moved: an index out of range, a matrix that is singular."""


Places = Sequence[tuple[int, int]]
RowsOf = Callable[[Tensor, Places, Sequence[Tensor]], tuple[Tensor, ...]]


@dataclass(frozen=True, slots=True)
class Drawn:
    """Moved Jacobians of some rows: `rows[i]` is that of line i of each tensor `(lines, *θ.shape)`."""

    rows: tuple[Row, ...]
    jacobians: tuple[Tensor, ...]


class Draws:
    """Draws of autograd's Jacobians in moved arithmetic; `problem` must be a copy of its own.

    A pass has some samples side by side, and all their rows come from one backward pass, where torch can do that.
    """

    def __init__(self, problem: Problem, sizes: Sizes, seed: int = 0) -> None:
        self._problem = problem
        self._moves = Moves(sizes, generator_for(problem.X.device, seed))
        self.is_batched = True
        """Whether rows come from one backward pass, until that fails."""

    def of(self, rows: Sequence[Row], draws: int, least_passes: int = 4) -> Iterator[Drawn]:
        """So many draws of each of these rows, pass by pass. Raises what the model raises.

        Parameters are moved once in each pass, so there are at least so many passes.
        """
        wanted = _by_sample(rows) * draws
        most = max(1, min(MOST_SAMPLES, len(wanted) // least_passes))
        width, cost = 1, inf
        while wanted:
            now, wanted = wanted[:width], wanted[width:]
            yield self._pass(now)
            before, cost = cost, self._cost / len(now)
            if width < most:
                width, most = self._next_width(width, most, is_cheaper=cost < LESS * before)

    def side_by_side(self, rows: Sequence[Row]) -> Drawn:
        """One draw of these rows in one pass, whatever it costs. Raises what the model raises."""
        return self._pass(_by_sample(rows))

    def _next_width(self, width: int, most: int, *, is_cheaper: bool) -> tuple[int, int]:
        """Twice as many side by side as long as that makes each cheaper, counted so that it is the same each time."""
        has_room = 4 * self._moves.numbers < MOST_NUMBERS
        if self.is_batched and is_cheaper and has_room:
            return min(2 * width, most), most
        return (width, width) if is_cheaper else (max(1, width // 2),) * 2

    @property
    def _cost(self) -> float:
        return self._moves.numbers + NUMBERS_PER_OPERATION * self._moves.operations

    def _pass(self, samples: Sequence[tuple[int, tuple[int, ...]]]) -> Drawn:
        self._moves.numbers = self._moves.operations = 0
        if self.is_batched:
            try:
                found = self._moved(samples, _batched_rows)
                if len(samples) == 1 or all(bool(J.isfinite().all()) for J in found.jacobians):
                    return found
                # NaN and infinite numbers of one sample spread to those beside it.
                return _joined([self._moved([each], _batched_rows) for each in samples])
            except Exception:
                self.is_batched = False
        try:
            return _joined([self._moved([each], _rows_one_by_one) for each in samples])
        except Exception as error:
            raise DoesNotRun(text_of(error)) from error

    def _moved(self, samples: Sequence[tuple[int, tuple[int, ...]]], rows_of: RowsOf) -> Drawn:
        problem = self._problem
        rows = tuple((n, c) for n, cs in samples for c in cs)
        with moved_numbers(problem, self._moves), Moved(self._moves):
            X = problem.X.detach()[[n for n, _ in samples]]
            f = problem.model(X.requires_grad_(problem.X.requires_grad)).reshape(len(samples), -1)
            places = tuple((i, c) for i, (_, cs) in enumerate(samples) for c in cs)
            return Drawn(rows, rows_of(f, places, list(problem.parameters.values())))


def _joined(drawn: Sequence[Drawn]) -> Drawn:
    """The rows of several passes as those of one."""
    rows = tuple(row for each in drawn for row in each.rows)
    columns = zip(*(each.jacobians for each in drawn), strict=True)
    return Drawn(rows, tuple(torch.cat(blocks) for blocks in columns))


def _by_sample(rows: Sequence[Row]) -> list[tuple[int, tuple[int, ...]]]:
    outputs: dict[int, list[int]] = {}
    for n, c in rows:
        outputs.setdefault(n, []).append(c)
    return [(n, tuple(cs)) for n, cs in outputs.items()]


def _batched_rows(f: Tensor, places: Places, θ: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The rows at these places of f, `(lines, *θ.shape)` each, from one backward pass."""
    ones = f.new_zeros(len(places), *f.shape)
    for line, (n, c) in enumerate(places):
        ones[line, n, c] = 1

    def row(one: Tensor) -> tuple[Tensor, ...]:
        return torch.autograd.grad(f, θ, one, retain_graph=True, allow_unused=True, materialize_grads=True)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = torch.func.vmap(row)(ones)
    return tuple(J.detach() for J in found)


def _rows_one_by_one(f: Tensor, places: Places, θ: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The same from a backward pass for each."""
    lines = [torch.autograd.grad(f[place], θ, retain_graph=True, allow_unused=True) for place in places]
    return tuple(
        torch.stack([p.new_zeros(p.shape) if J is None else J.to_dense().detach() for J in column])
        for p, column in zip(θ, zip(*lines, strict=True), strict=True)
    )
