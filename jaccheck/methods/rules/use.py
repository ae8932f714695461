"""`Use`: one call of a function that parameters went into, with what writes their Jacobians; how shares add up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from jaccheck.methods.samples import Layout

Write = Callable[[Tensor, Tensor, Layout], Any]
"""`write(δ, J, layout)` fills J, `(N, C, *θ.shape)`, with the share of one use in the Jacobian.

δ is `(C, *y.shape)`, the derivative of each output of the network by what the function has returned, whose samples lie
as `layout` says.
"""


class Use:
    """One call: what its rule reads, and each parameter that it was called with beside what writes its Jacobian.

    `axes` is how many of the first axes of what was returned can be that of the samples; None if each of them can.
    """

    def __init__(self, axes: int | None, reads: Sequence[Tensor], *parts: tuple[Tensor | None, Write]) -> None:
        self.axes = axes
        self.reads = [(tensor, 0 if tensor.is_inference() else tensor._version) for tensor in reads]
        self.parts = [(parameter, write) for parameter, write in parts if parameter is not None]
        self.edge: Any = None
        """Where the derivative by what was returned can be asked for, also if it is changed in place later."""
        self.shape: Sequence[int] = ()
        """Of what was returned."""
        self.behind: list[tuple[Tensor, Any]] = []
        """What went in beside those parameters, each with what it came from."""
        self.is_fresh = False
        """Whether what was returned lies in memory of its own, so that it can only be a view of itself."""
        self.turn: int | None = None
        """Which expansion of a parameter it is, for those that are taken for an expansion over samples."""

    @property
    def is_stale(self) -> bool:
        """Whether something that the rule reads has been changed in place since."""
        return any(not tensor.is_inference() and tensor._version != version for tensor, version in self.reads)


def add_up(δ: Tensor, aligned: Sequence[int], J: Tensor, layout: Layout) -> None:
    """Sums `(C, *y.shape)` over axes along which a parameter, of shape `aligned` to y, is the same, but for samples."""
    if aligned[layout.axis] != 1:
        numbers = torch.arange(J[0, 0].numel(), device=J.device)
        return pick_up(δ, numbers.view(*aligned).expand(δ.shape[1:]), J, layout)
    sizes = [*aligned[: layout.axis], *[1] * layout.is_split, *aligned[layout.axis + 1 :]]
    rows = layout.first(δ, 1)
    if summed := [2 + axis for axis, size in enumerate(sizes) if size == 1]:
        rows = rows.sum(summed)
    J.copy_(rows.transpose(0, 1).reshape(J.shape))


def pick_up(δ: Tensor, origin: Tensor, J: Tensor, layout: Layout) -> None:
    """Adds each entry of `(C, *y.shape)` to that of the parameter which it comes from, −1 where from none."""
    (N, C), found = J.shape[:2], layout.first(origin, 0).reshape(layout.N, 1, -1)
    rows = layout.first(δ, 1).reshape(C, N, -1).transpose(0, 1)
    rows = rows.masked_fill(found < 0, 0)
    sums = rows.new_zeros(N, C, J[0, 0].numel())
    J.copy_(sums.scatter_add_(2, found.clamp(min=0).expand(rows.shape), rows).view(J.shape))


def contract(δ: Tensor, a: Tensor, J: Tensor) -> None:
    """J[n, m] = Σ_l δ[n, m, l] a[n, l], written in place where strides allow."""
    if J.is_contiguous():
        torch.bmm(δ, a, out=J.view(len(a), δ.shape[1], a.shape[2]))
    else:
        J.copy_(torch.bmm(δ, a).view(J.shape))
