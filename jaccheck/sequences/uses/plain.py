"""BackPACK's own modules as torch alone computes them, for a network that BackPACK never sees."""

from __future__ import annotations

from functools import reduce
from typing import Any

import torch
from torch import Tensor, nn


class Slicing(nn.Module):
    """Its input at some indices."""

    def __init__(self, where: Any) -> None:
        super().__init__()
        self.where = where

    def forward(self, a: Tensor) -> Tensor:
        """The slice."""
        return a[self.where]


class Pad(nn.Module):
    """Its input with zeros around it."""

    def __init__(self, pad: list[int]) -> None:
        super().__init__()
        self.pad = pad

    def forward(self, a: Tensor) -> Tensor:
        """The padded input."""
        return nn.functional.pad(a, self.pad)


class ScaleModule(nn.Module):
    """Its input times a number."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, a: Tensor) -> Tensor:
        """The product."""
        return a * self.factor


class Permute(nn.Module):
    """Its input with its axes in another order; with `init_transpose`, with two of them swapped."""

    def __init__(self, *axes: int, init_transpose: bool = False) -> None:
        super().__init__()
        self.axes, self.swaps = axes, init_transpose

    def forward(self, a: Tensor) -> Tensor:
        """The view."""
        return a.transpose(*self.axes) if self.swaps else a.permute(self.axes)


class ReduceTuple(nn.Module):
    """One of several outputs."""

    def __init__(self, index: int) -> None:
        super().__init__()
        self.index = index

    def forward(self, several: tuple[Tensor, ...]) -> Tensor:
        """The one."""
        return several[self.index]


class Parallel(nn.Module):
    """The sum of its branches."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branch = nn.ModuleList(branches)

    def forward(self, a: Tensor) -> Tensor:
        """The sum, which lies in memory as BackPACK's does: where Dropout follows, its mask is drawn in that order."""
        whole: Tensor = reduce(torch.add, [each(a) for each in self.branch])
        return whole


class Mask(nn.Module):
    """In the place of Dropout: draws the mask once, for the whole batch, and keeps to the rows it is told to."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.drawn: Tensor | None = None
        self.rows: list[int] = []
        self.meets_zero = False
        """Whether an entry that is kept was zero before."""

    def forward(self, a: Tensor) -> Tensor:
        """The input times the mask, or itself in evaluation mode."""
        if not self.training:
            return a
        if self.drawn is None:
            self.drawn = nn.functional.dropout(torch.ones_like(a, dtype=torch.float32), self.p).to(a.dtype)
            self.meets_zero = bool(((a == 0) & (self.drawn != 0)).any())
        return a * self.drawn[self.rows]


NAMES: dict[str, Any] = {
    "torch": torch,
    "nn": nn,
    **{each.__name__: each for each in (Slicing, Pad, ScaleModule, Permute, ReduceTuple, Parallel)},
}
"""What the source of a network may refer to."""
