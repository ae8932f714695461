"""Layers made of layers, and `Layer`, any of all.

The modules that torch does not have stand in `jaccheck/methods/containers.py`, under the same names.
"""

from __future__ import annotations

from dataclasses import field, fields
from typing import Annotated, Literal

from annotated_types import Ge, Le, Len
from pydantic import Field

from jaccheck.case.layers.estimated import Estimated
from jaccheck.case.layers.features import (
    ELU,
    GELU,
    SELU,
    Dropout,
    Embedding,
    Flatten,
    Identity,
    LeakyReLU,
    Linear,
    LogSigmoid,
    PReLU,
    ReLU,
    Sigmoid,
    Slope,
    Tanh,
)
from jaccheck.case.layers.spatial import (
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    AvgPool,
    BatchNorm,
    Convolution,
    MaxPool,
    TransposedConvolution,
    ZeroPad2d,
)
from jaccheck.core import plain_data


@plain_data
class Sequential:
    """A nested `torch.nn.Sequential`."""

    kind: Literal["Sequential"] = field(default="Sequential", repr=False)
    layers: tuple[Layer, ...]


@plain_data
class Residual:
    """`x + layers(x)`; the layers must keep the shape."""

    kind: Literal["Residual"] = field(default="Residual", repr=False)
    layers: tuple[Layer, ...]


@plain_data
class Parallel:
    """Every branch on the same input; their outputs are added up, or joined along the first axis after the samples."""

    kind: Literal["Parallel"] = field(default="Parallel", repr=False)
    branches: Annotated[tuple[tuple[Layer, ...], ...], Len(1, 8)]
    merge: Literal["sum", "cat"] = "sum"


@plain_data
class Repeat:
    """The same layers, with the same parameters, `times` in a row; they must keep the shape."""

    kind: Literal["Repeat"] = field(default="Repeat", repr=False)
    layers: tuple[Layer, ...]
    times: Annotated[int, Ge(1), Le(8)] = 2


@plain_data
class Tied:
    """The same layers `times` in a row, each time other modules that hold the same parameters; they keep the shape."""

    kind: Literal["Tied"] = field(default="Tied", repr=False)
    layers: tuple[Layer, ...]
    times: Annotated[int, Ge(1), Le(8)] = 2


@plain_data
class Scale:
    """`factor * x`."""

    kind: Literal["Scale"] = field(default="Scale", repr=False)
    factor: Slope


Leaf = (
    Linear
    | ReLU
    | Identity
    | LeakyReLU
    | Tanh
    | Sigmoid
    | LogSigmoid
    | ELU
    | SELU
    | GELU
    | PReLU
    | Dropout
    | Flatten
    | Embedding
    | Convolution
    | TransposedConvolution
    | MaxPool
    | AvgPool
    | AdaptiveAvgPool
    | AdaptiveMaxPool
    | BatchNorm
    | ZeroPad2d
    | Scale
    | Estimated
)
Nested = Sequential | Residual | Parallel | Repeat | Tied
Layer = Annotated[Leaf | Nested, Field(discriminator="kind")]
"""Any layer; told apart in JSON by `kind`."""


def children(layer: Layer) -> list[tuple[str, tuple[Layer, ...]]]:
    """Each run of layers inside a layer, after the prefix of their names in the module."""
    match layer:
        case Sequential(layers=layers) | Residual(layers=layers) | Repeat(layers=layers):
            return [("", layers)]
        case Tied(layers=layers):
            return [("0.", layers)]
        case Parallel(branches=branches):
            return [(f"{index}.", layers) for index, layers in enumerate(branches)]
        case _:
            return []


def plain_options(layer: Layer) -> dict[str, object]:
    """The constructor options of a layer that differ from torch's defaults."""
    return {
        each.name: getattr(layer, each.name)
        for each in fields(layer)
        if each.name not in ("kind", "axes") and getattr(layer, each.name) != each.default
    }
