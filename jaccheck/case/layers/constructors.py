"""How torch's module for a layer is constructed: its name, its sizes and the options that differ from the defaults."""

from __future__ import annotations

from dataclasses import dataclass

from jaccheck.case.layers.estimated import GroupNorm, LayerNorm, LogSoftmax, Recurrent, SelfAttention, Softmax
from jaccheck.case.layers.features import Linear
from jaccheck.case.layers.graph import Layer, Tied, plain_options
from jaccheck.case.layers.shapes import Shape
from jaccheck.case.layers.spatial import (
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    AvgPool,
    BatchNorm,
    Convolution,
    MaxPool,
    TransposedConvolution,
)

WITH_AXES = {
    Convolution: "Conv",
    TransposedConvolution: "ConvTranspose",
    MaxPool: "MaxPool",
    AvgPool: "AvgPool",
    AdaptiveAvgPool: "AdaptiveAvgPool",
    AdaptiveMaxPool: "AdaptiveMaxPool",
    BatchNorm: "BatchNorm",
}
"""What stands before the number of axes in the name of torch's class."""

_FIRST: tuple[str, ...] = (
    *("in_features", "in_channels", "num_features", "num_embeddings"),
    *("out_features", "out_channels", "embedding_dim", "kernel_size", "output_size", "factor"),
    *("cell", "input_size", "hidden_size", "num_groups", "num_channels", "normalized_shape", "embed_dim", "num_heads"),
)
"""What torch takes without a name, in this order."""


@dataclass(frozen=True, slots=True)
class Constructor:
    """The call `name(*sizes, **options)`."""

    name: str
    sizes: tuple[object, ...]
    options: dict[str, object]

    def __str__(self) -> str:
        arguments = [*map(repr, self.sizes), *(f"{name}={value!r}" for name, value in self.options.items())]
        return f"{self.name}({', '.join(arguments)})"


def torch_name(layer: Layer) -> str:
    """The name of what makes the module, in `torch.nn` or in `jaccheck.methods.containers`."""
    if isinstance(layer, Tied):
        return "tied"
    stem = WITH_AXES.get(type(layer))
    return f"{stem}{layer.axes}d" if stem else layer.kind  # type: ignore[union-attr]


def constructor(layer: Layer, shape: Shape) -> Constructor:
    """How the module of a layer that is no nested one is made for samples of `shape`."""
    options = plain_options(layer)
    match layer:
        case Linear():
            options["in_features"] = shape[-1]
        case Convolution() | TransposedConvolution():
            options["in_channels"] = shape[0]
        case BatchNorm():
            options["num_features"] = shape[0]
        case Softmax(dim=dim) | LogSoftmax(dim=dim):
            # Torch's own default is an axis that depends on the shape.
            options["dim"] = dim
        case GroupNorm():
            options["num_channels"] = shape[0]
        case LayerNorm():
            options["normalized_shape"] = shape[-1]
        case SelfAttention(num_heads=heads):
            options |= {"embed_dim": shape[-1], "num_heads": heads}
        case Recurrent(cell=cell):
            options |= {"cell": cell, "input_size": shape[-1]}
    sizes = tuple(options.pop(name) for name in _FIRST if name in options)
    return Constructor(torch_name(layer), sizes, options)
