"""A second look is taken where something sticks out, and draws are made side by side as long as that is cheaper."""

from __future__ import annotations

import numpy as np
import torch

from jaccheck.judging.draws import Draws
from jaccheck.judging.second_look import Limits, SecondLook
from jaccheck.judging.stochastic_arithmetic import Moves
from jaccheck.oracle import Layout


def test_no_row_is_looked_at_where_nothing_is_outside() -> None:
    """And of the others that one first which is furthest outside."""
    rows = []

    class Seen(SecondLook):
        def limits(self, row: tuple[int, int]) -> Limits:
            rows.append(row)
            return Limits(consistent=np.ones(2), wrong=np.full(2, np.inf), spread=np.zeros(2, bool))

    look = Seen(NotImplemented, np.zeros(12), Layout(3, 2, {"weight": (2,)}), {}, NotImplemented)
    actual = np.zeros(12)
    actual[[5, 8]] = 3.0, 5.0
    assert look(actual, np.full(12, 2.0), actual > 2).undecided == 2
    assert rows == [(2, 0), (1, 0)]


def test_what_is_not_cheaper_side_by_side_is_drawn_half_as_wide() -> None:
    """Where four cost more than two did, each: from then on two."""
    widths = []

    class Paced(Draws):
        def _pass(self, samples):  # type: ignore[no-untyped-def]
            widths.append(len(samples))

        @property
        def _cost(self) -> float:
            return {1: 1.0, 2: 1.0, 4: 4.0}[widths[-1]]

    paced = object.__new__(Paced)
    paced.is_batched = True
    paced._moves = Moves({}, torch.Generator())
    list(paced.of([(n, 0) for n in range(8)], 4))
    assert widths == [1, 2, 4, *[2] * 12, 1]
