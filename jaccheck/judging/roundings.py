"""Which results of torch's operations are rounded, and which are numbers that were given.

What is a selection or a copy of inputs must not be moved: the backward pass of `amax` finds by comparison where the
maximum was taken, and an index that is held as a float would become another index. Nor must whole numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isinf
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


GIVEN = _words(
    """abs amax amin aminmax arange bernoulli cat ceil clamp clamp_max clamp_min clone constant_pad_nd contiguous
    cummax cummin detach diag_embed diagonal_backward embedding empty empty_like empty_strided eye fill flip floor fmax
    fmin full full_like gather hardtanh histc im2col index index_copy index_fill index_select lift_fresh masked_fill
    masked_scatter masked_select max max_pool2d_with_indices max_pool3d_with_indices maximum median min minimum mode
    nan_to_num neg new_empty new_empty_strided new_full new_ones new_zeros ones ones_like pixel_shuffle
    pixel_unshuffle reflection_pad1d reflection_pad2d reflection_pad3d relu repeat replication_pad1d
    replication_pad2d replication_pad3d roll round scalar_tensor scatter select_backward select_scatter sgn sign
    slice_backward slice_scatter sort split_with_sizes_copy stack threshold threshold_backward topk tril triu trunc
    unfold_copy upsample_nearest1d upsample_nearest2d upsample_nearest3d where zero zeros zeros_like _unsafe_index
    _unsafe_view _index_put_impl"""
)
"""Results are elements of an input, at most with another sign, constants or whole numbers.

It only saves time where the numbers show the same, and is needed where they are constants.
"""

WHOLE = _words(
    """add sub rsub mul div remainder fmod pow square sum mean mm bmm addmm addmv mv dot cumsum prod cumprod scatter_add
    index_add index_put addcmul addbmm baddbmm nansum _to_copy"""
)
"""Whole numbers made of whole numbers by these are exact: positions, counts, masks, indices held as floats.

A whole result of any other operation, as the 1 of a saturated sigmoid, is rounded like all others.
"""

ENTRY_BY_ENTRY = frozenset({"add", "sub", "rsub", "mul", "div", "remainder", "fmod", "pow", "square", "addcmul"})
"""Those among them whose results can be whole in some entries and not in others."""

ORDERS = {"linalg_vector_norm": 1, "norm": 1, "dist": 2, "_cdist_forward": 2, "_pdist_forward": 1}
"""At which place the order of a norm stands; one of infinite order is one of the numbers."""

REDUCTIONS = frozenset({"scatter_reduce", "index_reduce", "segment_reduce"})
"""Maximum and minimum are selections, which the backward pass compares; sums, means and products are not."""

LOOKED_AT = 2048
"""Numbers at either end of a result that are looked at before all are."""


class Operation:
    """What is known of one overload of an operation: from its schema and name, and from its results so far."""

    def __init__(self, func: Any) -> None:
        schema = func._schema
        name = schema.name.split("::")[-1]
        self.name = name if name.startswith("__") else name.rstrip("_")
        infos = [value.alias_info for value in (*schema.arguments, *schema.returns) if value.alias_info]
        self.is_in_place = any(info.is_write for info in infos)
        self.is_left = (bool(infos) and not self.is_in_place) or self.name in GIVEN
        """A view, or numbers that are given."""
        self.is_cast = self.name in ("_to_copy", "copy")
        self.keeps_whole = self.name in WHOLE
        self.depends = self.name in ORDERS or self.name in REDUCTIONS
        self.rounds = False
        """Whether it has been seen to round, or is known to."""

    def hands_on(self, results: Sequence[Tensor], args: Sequence[Any], kwargs: dict[str, Any]) -> bool:
        """Whether every number of these results, but for its sign, is one that was given."""
        inputs = [value for value in tree_leaves((args, kwargs)) if isinstance(value, Tensor)]
        inputs = [value for value in inputs if not value._is_zerotensor()]  # which hold nothing but zero
        if not inputs and any(isinstance(value, Tensor) for value in tree_leaves((args, kwargs))):
            return True
        if self.is_cast:
            source = inputs[-1]
            return not source.is_floating_point() or finer(results[0].dtype, source.dtype)
        if self.depends and self._is_choice(args, kwargs):
            return True
        if self.rounds or self.keeps_whole:
            return False
        scalars = [value for value in tree_leaves((args, kwargs)) if isinstance(value, int | float)]
        found = occurs(results, inputs, scalars)
        # What depends on its arguments is asked again.
        self.rounds = not found and not self.depends
        return found

    def _is_choice(self, args: Sequence[Any], kwargs: dict[str, Any]) -> bool:
        if self.name in ORDERS:
            at = ORDERS[self.name]
            order = args[at] if len(args) > at else kwargs.get("ord", kwargs.get("p", 2))
            return isinstance(order, int | float) and (isinf(order) or order == 0)
        told = [value for value in (*args, *kwargs.values()) if isinstance(value, str)]
        return any(word in ("amax", "amin", "max", "min") for word in told)

    def whole_entries(self, result: Tensor, args: Sequence[Any]) -> Tensor | None:
        """Which numbers of a result are whole and made of whole ones, or None where none is."""
        ends = result.reshape(-1)
        ends = torch.cat([ends[:LOOKED_AT], ends[-LOOKED_AT:]]) if len(ends) > 2 * LOOKED_AT else ends
        some = whole(ends) & (ends != 0)
        by_entry = self.name in ENTRY_BY_ENTRY or self.is_cast
        if not bool(some.any() if by_entry else (whole(ends)).all() and some.any()):
            return None
        inputs = [value for value in tree_leaves(args) if isinstance(value, Tensor) and value.is_floating_point()]
        inputs = [value for value in inputs if not value._is_zerotensor()]
        mask = whole(result)
        for value in inputs:
            dense = value if value.layout is torch.strided else value.to_dense()
            mask = mask & (whole(dense) if by_entry else whole(dense).all())
        return mask


def finer(dtype: torch.dtype, other: torch.dtype) -> bool:
    """Whether a dtype holds every number of another one, as far as digits go."""
    return torch.finfo(dtype).eps <= torch.finfo(other).eps


def occurs(results: Sequence[Tensor], inputs: Sequence[Tensor], scalars: Sequence[float]) -> bool:
    """Whether every number of the results, but for its sign, is zero, an element of an input or a scalar."""
    for each in results:
        if each.is_complex():
            # Neither are their parts compared: what makes complex numbers of real ones nearly always rounds.
            return False
        known = [numbers_of(value).abs() for value in inputs if value.dtype == each.dtype]
        known.append(torch.tensor([0.0, *map(abs, scalars)], dtype=each.dtype, device=each.device))
        numbers = each.detach().reshape(-1).abs()
        ends = torch.cat([numbers[:LOOKED_AT], numbers[-LOOKED_AT:]])
        if not bool(torch.isin(ends, torch.cat(known)).all()):
            return False
    return True


def numbers_of(value: Tensor) -> Tensor:
    """The numbers that a tensor holds, flat; those of a sparse one as they are stored."""
    value = value.detach()
    if value.layout is torch.sparse_coo:
        value = value._values()
    elif value.layout is not torch.strided:
        value = value.values()
    return value.reshape(-1)


def whole(value: Tensor) -> Tensor:
    """Which numbers are whole, and small enough to be held exactly in their dtype."""
    return (value == value.trunc()) & (value.abs() <= 2 / torch.finfo(value.dtype).eps)
