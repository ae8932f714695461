"""The layers a `Case` is made of: plain data, one class for each torch module, the options those of its constructor."""

from __future__ import annotations

from dataclasses import field, fields
from typing import Annotated, Literal

from annotated_types import Ge, Le
from pydantic import Field

from jaccheck.plain import plain_data

MAX_WIDTH = 4096
"""Largest number of features of a layer: far above what a check needs, far below what memory holds."""

Slope = Annotated[float, Ge(-1e6), Le(1e6)]


@plain_data
class Linear:
    """`torch.nn.Linear`; the number of inputs follows from the layer before."""

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
class Dropout:
    """`torch.nn.Dropout` in evaluation mode, where it passes its input on."""

    kind: Literal["Dropout"] = field(default="Dropout", repr=False)
    p: Annotated[float, Ge(0), Le(1)] = 0.5


@plain_data
class Flatten:
    """`torch.nn.Flatten`; with `start_dim=0`, as the last layer of a network of one output, `f` becomes `[N]`."""

    kind: Literal["Flatten"] = field(default="Flatten", repr=False)
    start_dim: Literal[0, 1] = 1


@plain_data
class Sequential:
    """A nested `torch.nn.Sequential`."""

    kind: Literal["Sequential"] = field(default="Sequential", repr=False)
    layers: tuple[Layer, ...]


Layer = Annotated[
    Linear | ReLU | Identity | LeakyReLU | Tanh | Sigmoid | LogSigmoid | ELU | SELU | Dropout | Flatten | Sequential,
    Field(discriminator="kind"),
]
"""Any layer; told apart in JSON by `kind`."""


def plain_options(layer: Layer) -> dict[str, object]:
    """The constructor options of a layer that differ from torch's defaults."""
    return {
        each.name: getattr(layer, each.name)
        for each in fields(layer)
        if each.name != "kind" and getattr(layer, each.name) != each.default
    }
