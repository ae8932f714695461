"""Rules of functions whose entries are entries of a tensor, at other places: indexing, expansion, joining."""

from __future__ import annotations

import torch
from torch import Tensor

from jaccheck.methods.rules.call import Call
from jaccheck.methods.rules.elementwise import aligned
from jaccheck.methods.rules.use import Use, Write, add_up, pick_up
from jaccheck.methods.samples import Layout

EXPANSIONS = ("expand", "expand_as", "broadcast_to")
"""They repeat a tensor along axes."""

REPETITIONS = ("repeat", "tile", "repeat_interleave")
"""The same, also along an axis that the tensor has."""

JOINS = ("cat", "concat", "concatenate", "stack", "hstack", "vstack", "dstack")
"""Of several tensors, in a list."""

CHOICES = ("__getitem__", "index_select", "gather", "take_along_dim", "select", "narrow", "take")
"""Of the first tensor's entries, by whole numbers."""

NO_ENTRY = -1


def expansion(call: Call) -> Use | None:
    """Sums of δ over all places to which an entry is repeated."""
    parameter = call.args[0]
    if not isinstance(parameter, Tensor) or not call.is_parameter(parameter):
        return None

    def write(δ: Tensor, J: Tensor, layout: Layout) -> None:
        add_up(δ, aligned(parameter, δ.dim() - 1), J, layout)

    return Use(None, [], (parameter, write))


def selection(call: Call) -> Use | None:
    """Sums of δ over all places to which an entry goes; the function shows them when it gets the entries' numbers."""
    places = list(call.places())
    joined = call.function.__name__ in JOINS
    is_written = call.function.__name__ == "__setitem__"
    data = [place for place, _ in places if joined or place[0] == 0 or (is_written and place[0] == 2)]
    if "out" in call.kwargs or (is_written and call.is_parameter(call.args[0])):
        return None
    if any(call.is_parameter(tensor) for place, tensor in places if place not in data):
        return None
    # Of what is only moved about, shapes are read and no numbers.
    reads = [tensor for place, tensor in places if place not in data]
    parts = [(tensor, _by_origin(call, place, tensor, data)) for place, tensor in places if call.is_parameter(tensor)]
    return Use(None, reads, *parts)


def _by_origin(call: Call, place: object, parameter: Tensor, data: list[object]) -> Write:
    def numbered(where: object, tensor: Tensor) -> Tensor:
        if where == place:
            return torch.arange(tensor.numel(), device=tensor.device).view(tensor.shape)
        return torch.full(tensor.shape, NO_ENTRY, device=tensor.device) if where in data else tensor

    def write(δ: Tensor, J: Tensor, layout: Layout) -> None:
        if call.function.__name__ == "__setitem__":
            origin = numbered((0, None), call.args[0])
            origin[call.args[1]] = numbered((2, None), parameter) if place == (2, None) else NO_ENTRY
        else:
            origin = call.with_tensors(numbered)
        pick_up(δ, origin, J, layout)

    return write
