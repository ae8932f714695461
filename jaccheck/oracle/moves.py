"""Where the numbers of a view come from, by arithmetic on whole numbers."""

from __future__ import annotations

from math import prod

import numpy as np

from jaccheck.case import Pad, Permute, Shape, Slice, Take, Transpose
from jaccheck.oracle.assumptions import Array
from jaccheck.oracle.tables import Indices

Moving = Permute | Transpose | Slice | Take | Pad


def sources(layer: Moving, shape: Shape) -> Indices:
    """For each output, flat, the index of the input that it is; −1 for the value that a padding puts there."""
    places = np.arange(prod(shape), dtype=np.int64).reshape(shape)
    match layer:
        case Permute(order=order):
            places = places.transpose([axis - 1 for axis in order])
        case Transpose(first=first, second=second):
            places = places.swapaxes(first - 1, second - 1)
        case Slice(axis=axis, start=start, stop=stop, step=step):
            places = places[(*(slice(None),) * (axis - 1), slice(start, stop, step))]
        case Take(axis=axis, indices=indices):
            places = np.take(places, indices, axis=axis - 1)
        case Pad(padding=padding):
            for number in range(len(padding) // 2):
                places = _padded(places, places.ndim - 1 - number, *padding[2 * number : 2 * number + 2])
    return places.ravel()


def _padded(places: Indices, axis: int, before: int, after: int) -> Indices:
    kept = slice(max(0, -before), places.shape[axis] - max(0, -after))
    inside = places[(*(slice(None),) * axis, kept)]
    widths = [(max(0, before), max(0, after)) if each == axis else (0, 0) for each in range(places.ndim)]
    return np.pad(inside, widths, constant_values=-1)


def filling(layer: Moving, source: Indices) -> Array | None:
    """What is added to each output: the value of a padding where it stands, if it is not zero."""
    if not isinstance(layer, Pad) or not layer.value:
        return None
    return np.where(source < 0, layer.value, 0.0)
