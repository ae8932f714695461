"""Layers for which no bound is proven: their Jacobians are compared with float64 autograd, by an estimate of rounding.

Plain data, the options those of the constructor in torch. They stand for what surrounds the layers that BackPACK knows,
and for its recurrent ones.
"""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal

from annotated_types import Ge, Le

from jaccheck.case.layers.features import MAX_WIDTH
from jaccheck.core import plain_data

Size = Annotated[int, Ge(1), Le(MAX_WIDTH)]
Axis = Annotated[int, Ge(-4), Le(4)]
Epsilon = Annotated[float, Ge(1e-12), Le(1e3)]


@plain_data
class Softmax:
    """`torch.nn.Softmax` along an axis that is not the samples'."""

    kind: Literal["Softmax"] = field(default="Softmax", repr=False)
    dim: Axis = -1


@plain_data
class LogSoftmax:
    """`torch.nn.LogSoftmax` along an axis that is not the samples'."""

    kind: Literal["LogSoftmax"] = field(default="LogSoftmax", repr=False)
    dim: Axis = -1


@plain_data
class LayerNorm:
    """`torch.nn.LayerNorm` over the last axis."""

    kind: Literal["LayerNorm"] = field(default="LayerNorm", repr=False)
    eps: Epsilon = 1e-5
    elementwise_affine: bool = True


@plain_data
class GroupNorm:
    """`torch.nn.GroupNorm` over groups of the first axis after the samples."""

    kind: Literal["GroupNorm"] = field(default="GroupNorm", repr=False)
    num_groups: Size
    eps: Epsilon = 1e-5
    affine: bool = True


@plain_data
class SelfAttention:
    """`torch.nn.MultiheadAttention` of a sequence `(steps, features)` on itself, without the weights it returns."""

    kind: Literal["SelfAttention"] = field(default="SelfAttention", repr=False)
    num_heads: Annotated[int, Ge(1), Le(64)] = 1


@plain_data
class Recurrent:
    """`torch.nn.RNN`, `LSTM` or `GRU` on a sequence `(steps, features)`: all of its outputs, without its state."""

    kind: Literal["Recurrent"] = field(default="Recurrent", repr=False)
    cell: Literal["RNN", "LSTM", "GRU"] = "RNN"
    hidden_size: Size
    num_layers: Annotated[int, Ge(1), Le(4)] = 1
    bias: bool = True
    bidirectional: bool = False


Estimated = Softmax | LogSoftmax | LayerNorm | GroupNorm | SelfAttention | Recurrent

GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}
"""Rows of a recurrent weight for each hidden feature."""


def estimated_parameters(layer: Estimated, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """The parameters for input of `shape`, by their names in the module, in its order."""
    match layer:
        case LayerNorm(elementwise_affine=True):
            return {"weight": shape[-1:], "bias": shape[-1:]}
        case GroupNorm(affine=True):
            return {"weight": shape[:1], "bias": shape[:1]}
        case SelfAttention():
            width = shape[-1]
            projections = {"in_proj_weight": (3 * width, width), "in_proj_bias": (3 * width,)}
            joined = {"out_proj.weight": (width, width), "out_proj.bias": (width,)}
            return {f"attention.{name}": size for name, size in (projections | joined).items()}
        case Recurrent():
            return _recurrent_parameters(layer, shape[-1])
        case _:
            return {}


def _recurrent_parameters(layer: Recurrent, features: int) -> dict[str, tuple[int, ...]]:
    rows = GATES[layer.cell] * layer.hidden_size
    found: dict[str, tuple[int, ...]] = {}
    directions = ("", "_reverse") if layer.bidirectional else ("",)
    for depth in range(layer.num_layers):
        inputs = features if depth == 0 else layer.hidden_size * len(directions)
        for direction in directions:
            end = f"l{depth}{direction}"
            found[f"cell.weight_ih_{end}"] = (rows, inputs)
            found[f"cell.weight_hh_{end}"] = (rows, layer.hidden_size)
            if layer.bias:
                found |= {f"cell.bias_ih_{end}": (rows,), f"cell.bias_hh_{end}": (rows,)}
    return found


def estimated_shape(layer: Estimated, shape: tuple[int, ...]) -> tuple[int, ...] | str:
    """The shape of one sample after the layer, or what is wrong with the one before it."""
    match layer:
        case Softmax(dim=dim) | LogSoftmax(dim=dim) if not -len(shape) <= dim <= len(shape) or dim == 0:
            return f"dim={dim} is no axis of (N, {', '.join(map(str, shape))}) but the samples'"
        case GroupNorm(num_groups=groups) if shape[0] % groups:
            return f"num_groups={groups} does not divide {shape[0]} channels"
        case SelfAttention(num_heads=heads) if len(shape) != 2 or shape[1] % heads:
            return f"needs (steps, features), a multiple of {heads} of them, not {shape}"
        case Recurrent():
            if len(shape) != 2:
                return f"needs (steps, features), not {shape}"
            return shape[0], layer.hidden_size * (1 + layer.bidirectional)
        case _:
            return shape
