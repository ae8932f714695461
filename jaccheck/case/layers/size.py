"""How large a case is, from its shapes alone: what is too large is refused before a number of it is made."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from jaccheck.case.layers.features import Embedding, Linear
from jaccheck.case.layers.graph import Layer, Nested, Repeat, Scale, Tied, children
from jaccheck.case.layers.shapes import Placed
from jaccheck.case.layers.spatial import (
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    AvgPool,
    BatchNorm,
    Convolution,
    MaxPool,
    TransposedConvolution,
    ZeroPad2d,
    on_each_axis,
)

AGAIN = (Repeat, Tied)
"""What runs its layers `times` in a row."""


def layers_run(layers: tuple[Layer, ...]) -> int:
    """How many layers a sample goes through, nested ones among them, each counted as often as it is run."""
    return sum(
        1 + (layer.times if isinstance(layer, AGAIN) else 1) * sum(layers_run(run) for _, run in children(layer))
        for layer in layers
    )


def numbers_held(places: Sequence[Placed], N: int, C: int) -> int:
    """How many numbers the reference holds at least once, or more than that, for N samples and C outputs."""
    repeats = {place.path: place.layer.times for place in places if isinstance(place.layer, AGAIN)}
    inputs = N * prod(places[0].in_shape)
    return inputs + sum(
        _held(place, N, C) * prod(times for path, times in repeats.items() if place.path.startswith(f"{path}."))
        for place in places
        if not isinstance(place.layer, Nested)
    )


def _held(place: Placed, N: int, C: int) -> int:
    """For one layer its parameters, its output and the derivative by its input; then what it takes beside them.

    A layer that is no plain matrix is written out as one, and its Jacobian is a sum of products; a maximum keeps
    for every sample which input each output was taken from.
    """
    inputs, outputs = prod(place.in_shape), prod(place.out_shape)
    passed = sum(map(prod, place.parameters.values())) + N * outputs + N * C * inputs
    match place.layer:
        case Linear(out_features=features) if len(place.in_shape) > 1:
            return passed + inputs * outputs + (1 + N * C) * inputs * features
        case Embedding(num_embeddings=rows, embedding_dim=dim):
            return passed + inputs * rows * (outputs + N + (1 + N * C) * (1 + dim))
        case Convolution():
            return passed + inputs * outputs + (1 + N * C) * outputs * prod(place.parameters["weight"][1:])
        case TransposedConvolution():
            return passed + inputs * outputs + (1 + N * C) * inputs * prod(place.parameters["weight"][1:])
        case MaxPool(kernel_size=kernel, axes=axes):
            return passed + (1 + N) * outputs * max(inputs, prod(on_each_axis(kernel, axes)))
        case AdaptiveMaxPool():
            return passed + (1 + N) * outputs * inputs
        case AvgPool() | AdaptiveAvgPool() | ZeroPad2d() | BatchNorm() | Scale():
            return passed + inputs * outputs
        case _:
            return passed
