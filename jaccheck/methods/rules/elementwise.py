"""Rules of functions of which each entry depends on one entry of each tensor, broadcast; of attention's mask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from jaccheck.methods.rules.call import Call
from jaccheck.methods.rules.use import Use, Write, add_up
from jaccheck.methods.samples import Layout

ELEMENTWISE = (
    *("add", "sub", "subtract", "rsub", "mul", "multiply", "div", "divide", "true_divide", "truediv", "pow"),
    *("float_power", "maximum", "minimum", "fmax", "fmin", "where", "atan2", "arctan2", "hypot", "lerp", "addcmul"),
    *("addcdiv", "xlogy", "logaddexp", "logaddexp2", "clamp", "clip", "clamp_min", "clamp_max", "fmod", "remainder"),
    *("max", "min"),
)
"""By torch's names."""


def elementwise(call: Call) -> Use | None:
    """δ times the derivative of each entry, as autograd has it, summed over entries that share one of the parameter."""
    places = list(call.places())
    if "out" in call.kwargs or (call.is_in_place and call.is_parameter(places[0][1])):
        return None
    name = call.function.__name__.strip("_")
    is_sum = name in ("add", "sub", "subtract") and len(call.args) == 2 and not call.kwargs
    if call.is_in_place and not is_sum:
        # What it changes is read later, as it was before; and the function of the same name returns a new tensor.
        target = call.args[0].detach().clone()
        call = Call(getattr(torch, name, None), (target, *call.args[1:]), call.kwargs, call.is_parameter)
        if call.function is None:
            return None
        places = list(call.places())
    parts = []
    for place, tensor in places:
        if not call.is_parameter(tensor):
            continue
        if is_sum:
            is_negative = name != "add" and place[0] == 1
            parts.append((tensor, _by_term(tensor, is_negative=is_negative)))
        elif name in ("mul", "multiply") and len(places) == 2:
            other = places[1][1] if place == places[0][0] else places[0][1]
            parts.append((tensor, _by_factor(tensor, other)))
        else:
            parts.append((tensor, by_replay(call, place, tensor)))
    return Use(None, [] if is_sum else [tensor for _, tensor in places], *parts)


def aligned(tensor: Tensor, dims: int) -> Sequence[int]:
    """A tensor's shape as it is broadcast to one of so many axes."""
    return [1] * (dims - tensor.dim()) + list(tensor.shape)


def _by_term(parameter: Tensor, *, is_negative: bool) -> Write:
    def write(δ: Tensor, J: Tensor, layout: Layout) -> None:
        add_up(-δ if is_negative else δ, aligned(parameter, δ.dim() - 1), J, layout)

    return write


def _by_factor(parameter: Tensor, other: Tensor) -> Write:
    def write(δ: Tensor, J: Tensor, layout: Layout) -> None:
        add_up(δ * other.to(δ.dtype), aligned(parameter, δ.dim() - 1), J, layout)

    return write


def by_replay(call: Call, place: Any, parameter: Tensor, shape: Sequence[int] | None = None) -> Write:
    """The function once more, with the parameter expanded to an entry for each of those it is broadcast to."""

    def write(δ: Tensor, J: Tensor, layout: Layout) -> None:
        full = shape or δ.shape[1:]
        with torch.enable_grad():
            entries = parameter.detach().expand(*full).requires_grad_()
            y = call.with_tensors(lambda where, tensor: entries if where == place else tensor.detach())
            (found,) = torch.autograd.grad(y, entries, δ.to(y.dtype), is_grads_batched=True)
        add_up(found, aligned(parameter, len(full)), J, layout)

    return write


def attention(call: Call) -> Use | None:
    """By a mask, such as a bias for relative positions: the function once more, with a mask for each sample."""
    given = dict(zip(("query", "key", "value", "attn_mask", "dropout_p"), call.args, strict=False)) | call.kwargs
    query, key, mask = given["query"], given["key"], given.get("attn_mask")
    others = [query, key, given["value"]]
    if mask is None or not call.is_parameter(mask) or any(map(call.is_parameter, others)) or given.get("dropout_p"):
        return None
    shape = (*torch.broadcast_shapes(query.shape[:-2], key.shape[:-2]), query.shape[-2], key.shape[-2])
    place = ("attn_mask" if "attn_mask" in call.kwargs else 3, None)
    return Use(query.dim() - 2, [*others, mask], (mask, by_replay(call, place, mask, shape)))
