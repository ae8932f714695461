"""Whether tensors share memory; views whose entries interleave in one buffer do not.

Where a device gives no addresses, it is found out by writing.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TypeVar

import torch
from torch import Tensor

N = TypeVar("N", bound=Hashable)
"""What a tensor is called by."""


def first_overlap(named: Sequence[tuple[N, Tensor]], own: int) -> tuple[N, N] | None:
    """The first two names of which one is among the first `own` and shares an entry with a later one, or None."""
    if any(tensor.numel() and not _address(tensor) for _, tensor in named):
        return _first_written_through(named, own)
    spans = [_span(tensor) for _, tensor in named]
    if not _any_overlap(spans):
        return None
    for i in range(own):
        start, stop = spans[i]
        for j in range(i + 1, len(named)):
            if start < spans[j][1] and spans[j][0] < stop and _share_entries(named[i][1], named[j][1]):
                return named[i][0], named[j][0]
    return None


def _first_written_through(named: Sequence[tuple[N, Tensor]], own: int) -> tuple[N, N] | None:
    """The same, found out by writing into each of the first `own`; all numbers are put back."""
    with torch.no_grad():
        kept = [tensor.detach().clone() for _, tensor in named]
        for i in range(own):
            entries = _each_once(named[i][1].detach())
            was = entries.clone()
            entries.copy_(torch.where(was == 1, 2, 1))
            changed = [j for j in range(i + 1, len(named)) if not _same(named[j][1].detach(), kept[j])]
            entries.copy_(was)
            if changed:
                return named[i][0], named[changed[0]][0]
    return None


def _each_once(tensor: Tensor) -> Tensor:
    """A view of an expanded tensor that has each place in memory once, so that it can be written and put back."""
    for axis, stride in enumerate(tensor.stride()):
        if tensor.shape[axis] > 1 and tensor.numel() and (stride == 0 or _is_expanded(tensor, axis)):
            tensor = tensor.narrow(axis, 0, 1)
    return tensor


def _is_expanded(tensor: Tensor, axis: int) -> bool:
    """Whether the entries along an axis are one, whatever its stride says: XLA gives strides as if there were memory.

    What is written to all entries of such a tensor is added up there, and could not be put back.
    """
    start = (0,) * tensor.dim()
    first, second = tensor[start], tensor[(*start[:axis], 1, *start[axis + 1 :])]
    was, beside = first.clone(), second.clone()
    first.copy_(torch.where(was == 1, 2, 1))
    is_one = not _same(second, beside)
    first.copy_(was)
    return is_one


def _same(one: Tensor, other: Tensor) -> bool:
    return torch.equal(one.isnan(), other.isnan()) and torch.equal(one.nan_to_num(), other.nan_to_num())


def _address(tensor: Tensor) -> int:
    """Where its first entry lies; 0 where the device gives no addresses."""
    try:
        return tensor.data_ptr()
    except RuntimeError:
        return 0


def overlaps_itself(tensor: Tensor) -> bool:
    """Whether two entries of a tensor lie in the same memory, as after `expand`."""
    if tensor.is_contiguous():
        return False
    starts, length = _runs(tensor)
    return bool((starts.sort().values.diff() < length).any())


def _any_overlap(spans: list[tuple[int, int]]) -> bool:
    reached = 0
    for start, stop in sorted(spans):
        if start < min(reached, stop):
            return True
        reached = max(reached, stop)
    return False


def _span(tensor: Tensor) -> tuple[int, int]:
    """The first address of a tensor's entries and the one behind the last; the same where it has none."""
    if not tensor.numel():
        return 0, 0
    start = _address(tensor)
    reach = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    return start, start + (reach + 1) * tensor.element_size()


def _share_entries(one: Tensor, other: Tensor) -> bool:
    """Exactly: whether a run of one tensor begins before a run of the other ends, and ends after that has begun."""
    (starts, length), (others, other_length) = _runs(one), _runs(other)
    others = others.sort().values
    # All runs of a tensor have the same length, so the last one that begins before a run ends reaches farthest.
    before = torch.searchsorted(others, starts + length)
    return bool((before > 0).logical_and(others[(before - 1).clamp(min=0)] + other_length > starts).any())


def _runs(tensor: Tensor) -> tuple[Tensor, int]:
    """The addresses at which the contiguous runs of a tensor's entries start, and the bytes of each run.

    A contiguous tensor is one run; the columns of a matrix are one run for each row.
    """
    axes = sorted((stride, size) for size, stride in zip(tensor.shape, tensor.stride(), strict=True) if size != 1)
    length = 1
    while axes and axes[0][0] == length:
        length *= axes.pop(0)[1]
    starts = torch.zeros(1, dtype=torch.int64)
    for stride, size in axes:
        starts = (starts[:, None] + stride * torch.arange(size)).flatten()
    return starts * tensor.element_size() + _address(tensor), length * tensor.element_size()
