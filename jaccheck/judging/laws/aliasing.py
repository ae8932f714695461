"""Whether tensors share entries in memory; views that interleave in one buffer do not."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def first_overlap(owners: Sequence[tuple[str, Tensor]], own: int) -> tuple[str, str] | None:
    """The first two names of which one is among the first `own` and shares an entry with a later one, or None."""
    spans = [_span(tensor) for _, tensor in owners]
    if not _any_overlap(spans):
        return None
    for i in range(own):
        start, stop = spans[i]
        for j in range(i + 1, len(owners)):
            if start < spans[j][1] and spans[j][0] < stop and _share_entries(owners[i][1], owners[j][1]):
                return owners[i][0], owners[j][0]
    return None


def _any_overlap(spans: list[tuple[int, int]]) -> bool:
    reached = 0
    for start, stop in sorted(spans):
        if start < min(reached, stop):
            return True
        reached = max(reached, stop)
    return False


def _span(tensor: Tensor) -> tuple[int, int]:
    """First and last address of a tensor's entries; empty where it has none."""
    if not tensor.numel():
        return 0, 0
    start = tensor.data_ptr()
    return start, start + _reach(tensor) * tensor.element_size()


def _reach(tensor: Tensor) -> int:
    return 1 + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))


def _share_entries(one: Tensor, other: Tensor) -> bool:
    """Exactly, by the address of every entry."""
    return bool(torch.isin(_addresses(one), _addresses(other)).any())


def _addresses(tensor: Tensor) -> Tensor:
    offsets = torch.arange(_reach(tensor)).as_strided(tensor.shape, tensor.stride())
    return offsets.reshape(-1).mul(tensor.element_size()).add(tensor.data_ptr())
