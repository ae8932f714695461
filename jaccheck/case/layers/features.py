"""Layers on flat features or element by element: plain data, the options those of the constructor in torch."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal

from annotated_types import Ge, Le

from jaccheck.core import plain_data

MAX_WIDTH = 4096
"""Largest number of features of a layer: far above what a check needs, far below what memory holds."""

Slope = Annotated[float, Ge(-1e6), Le(1e6)]


@plain_data
class Linear:
    """`torch.nn.Linear` on the last axis; the number of inputs follows from the layer before."""

    kind: Literal["Linear"] = field(default="Linear", repr=False)
    out_features: Annotated[int, Ge(1), Le(MAX_WIDTH)]
    bias: bool = True


@plain_data
class ReLU:
    """`torch.nn.ReLU`."""

    kind: Literal["ReLU"] = field(default="ReLU", repr=False)


@plain_data
class Identity:
    """`torch.nn.Identity`."""

    kind: Literal["Identity"] = field(default="Identity", repr=False)


@plain_data
class LeakyReLU:
    """`torch.nn.LeakyReLU`."""

    kind: Literal["LeakyReLU"] = field(default="LeakyReLU", repr=False)
    negative_slope: Slope = 0.01


@plain_data
class Tanh:
    """`torch.nn.Tanh`."""

    kind: Literal["Tanh"] = field(default="Tanh", repr=False)


@plain_data
class Sigmoid:
    """`torch.nn.Sigmoid`."""

    kind: Literal["Sigmoid"] = field(default="Sigmoid", repr=False)


@plain_data
class LogSigmoid:
    """`torch.nn.LogSigmoid`."""

    kind: Literal["LogSigmoid"] = field(default="LogSigmoid", repr=False)


@plain_data
class ELU:
    """`torch.nn.ELU`."""

    kind: Literal["ELU"] = field(default="ELU", repr=False)
    alpha: Slope = 1.0


@plain_data
class SELU:
    """`torch.nn.SELU`."""

    kind: Literal["SELU"] = field(default="SELU", repr=False)


@plain_data
class GELU:
    """`torch.nn.GELU`."""

    kind: Literal["GELU"] = field(default="GELU", repr=False)
    approximate: Literal["none", "tanh"] = "none"


@plain_data
class PReLU:
    """`torch.nn.PReLU`: one slope for all features, or one for each of the first axis after the samples."""

    kind: Literal["PReLU"] = field(default="PReLU", repr=False)
    num_parameters: Annotated[int, Ge(1), Le(MAX_WIDTH)] = 1


@plain_data
class Dropout:
    """`torch.nn.Dropout` in evaluation mode, where it passes its input on."""

    kind: Literal["Dropout"] = field(default="Dropout", repr=False)
    p: Annotated[float, Ge(0), Le(1)] = 0.5


@plain_data
class Flatten:
    """`torch.nn.Flatten`; with `start_dim=0`, as the last layer of a network of one output, `f` becomes `[N]`."""

    kind: Literal["Flatten"] = field(default="Flatten", repr=False)
    start_dim: Annotated[int, Ge(-4), Le(4)] = 1
    end_dim: Annotated[int, Ge(-4), Le(4)] = -1


@plain_data
class Embedding:
    """`torch.nn.Embedding` of integers below `num_embeddings`, as the first layer.

    Without `max_norm`, by which torch changes the weights in the forward pass, and without `scale_grad_by_freq` and
    `sparse`, whose gradients are no derivatives and no strided tensors.
    """

    kind: Literal["Embedding"] = field(default="Embedding", repr=False)
    num_embeddings: Annotated[int, Ge(1), Le(MAX_WIDTH)]
    embedding_dim: Annotated[int, Ge(1), Le(MAX_WIDTH)]
    padding_idx: Annotated[int, Ge(-MAX_WIDTH), Le(MAX_WIDTH)] | None = None
