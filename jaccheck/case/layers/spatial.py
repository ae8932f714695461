"""Layers that move over one, two or three `axes` of an input `(channels, *sizes)`.

Each stands for the module of torch with that many dimensions in its name, and has the options of its constructor; one
number stands for the same on every axis.
"""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal

from annotated_types import Ge, Le, Len

from jaccheck.case.layers.features import MAX_WIDTH
from jaccheck.core import plain_data
from jaccheck.errors import InvalidCase

MAX_REACH = 64
"""Largest kernel, stride, padding or dilation."""

Axes = Annotated[int, Ge(1), Le(3)]
Count = Annotated[int, Ge(1), Le(MAX_REACH)]
Margin = Annotated[int, Ge(0), Le(MAX_REACH)]
Counts = Count | Annotated[tuple[Count, ...], Len(1, 3)]
Margins = Margin | Annotated[tuple[Margin, ...], Len(1, 3)]
PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]
PADDING_MODES: tuple[PaddingMode, ...] = ("zeros", "reflect", "replicate", "circular")


def on_each_axis(value: int | tuple[int, ...], axes: int) -> tuple[int, ...]:
    """An option as one number for each axis. Raises InvalidCase where it has another number of them."""
    if isinstance(value, int):
        return (value,) * axes
    if len(value) != axes:
        raise InvalidCase(f"{value} has {len(value)} numbers, expected one, or one for each of {axes} axes")
    return value


@plain_data
class Convolution:
    """`torch.nn.Conv1d`, `Conv2d` or `Conv3d`; the number of input channels follows from the layer before."""

    kind: Literal["Convolution"] = field(default="Convolution", repr=False)
    axes: Axes = 2
    out_channels: Annotated[int, Ge(1), Le(MAX_WIDTH)]
    kernel_size: Counts
    stride: Counts = 1
    padding: Margins | Literal["valid", "same"] = 0
    dilation: Counts = 1
    groups: Annotated[int, Ge(1), Le(MAX_WIDTH)] = 1
    bias: bool = True
    padding_mode: PaddingMode = "zeros"


@plain_data
class TransposedConvolution:
    """`torch.nn.ConvTranspose1d`, `ConvTranspose2d` or `ConvTranspose3d`, which torch pads with zeros only."""

    kind: Literal["TransposedConvolution"] = field(default="TransposedConvolution", repr=False)
    axes: Axes = 2
    out_channels: Annotated[int, Ge(1), Le(MAX_WIDTH)]
    kernel_size: Counts
    stride: Counts = 1
    padding: Margins = 0
    output_padding: Margins = 0
    groups: Annotated[int, Ge(1), Le(MAX_WIDTH)] = 1
    bias: bool = True
    dilation: Counts = 1


@plain_data
class MaxPool:
    """`torch.nn.MaxPool1d`, `MaxPool2d` or `MaxPool3d`; a stride of None is the kernel's size."""

    kind: Literal["MaxPool"] = field(default="MaxPool", repr=False)
    axes: Axes = 2
    kernel_size: Counts
    stride: Counts | None = None
    padding: Margins = 0
    dilation: Counts = 1
    ceil_mode: bool = False


@plain_data
class AvgPool:
    """`torch.nn.AvgPool1d`, `AvgPool2d` or `AvgPool3d`; the first has no `divisor_override`."""

    kind: Literal["AvgPool"] = field(default="AvgPool", repr=False)
    axes: Axes = 2
    kernel_size: Counts
    stride: Counts | None = None
    padding: Margins = 0
    ceil_mode: bool = False
    count_include_pad: bool = True
    divisor_override: Annotated[int, Ge(1), Le(4096)] | None = None


@plain_data
class AdaptiveAvgPool:
    """`torch.nn.AdaptiveAvgPool1d`, `AdaptiveAvgPool2d` or `AdaptiveAvgPool3d`."""

    kind: Literal["AdaptiveAvgPool"] = field(default="AdaptiveAvgPool", repr=False)
    axes: Axes = 2
    output_size: Counts


@plain_data
class AdaptiveMaxPool:
    """`torch.nn.AdaptiveMaxPool1d`, `AdaptiveMaxPool2d` or `AdaptiveMaxPool3d`."""

    kind: Literal["AdaptiveMaxPool"] = field(default="AdaptiveMaxPool", repr=False)
    axes: Axes = 2
    output_size: Counts


@plain_data
class BatchNorm:
    """`torch.nn.BatchNorm1d`, `BatchNorm2d` or `BatchNorm3d` in evaluation mode, with running statistics.

    That of one axis also takes input of `(channels,)`.
    """

    kind: Literal["BatchNorm"] = field(default="BatchNorm", repr=False)
    axes: Axes = 2
    eps: Annotated[float, Ge(1e-12), Le(1e3)] = 1e-5
    affine: bool = True


@plain_data
class ZeroPad2d:
    """`torch.nn.ZeroPad2d`: zeros to the left, right, top and bottom; a negative number cuts off."""

    kind: Literal["ZeroPad2d"] = field(default="ZeroPad2d", repr=False)
    padding: Annotated[tuple[Annotated[int, Ge(-MAX_REACH), Le(MAX_REACH)], ...], Len(4, 4)]


Pooling = MaxPool | AvgPool | AdaptiveAvgPool | AdaptiveMaxPool
Spatial = Convolution | TransposedConvolution | Pooling | BatchNorm | ZeroPad2d
