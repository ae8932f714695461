"""Pooling over one, two or three axes of an input `(channels, *sizes)`, and padding with zeros."""

from __future__ import annotations

from dataclasses import field
from math import prod
from typing import Annotated, Literal

from annotated_types import Ge, Le, Len

from jaccheck.case.drawing import composite, st
from jaccheck.case.layers.convolutions import (
    MAX_REACH,
    Axes,
    Counts,
    Margins,
    OnAxes,
    on_each_axis,
    short,
    something_left,
    within,
)
from jaccheck.case.layers.layer import Layer, Shape, layer
from jaccheck.errors import InvalidCase


def pooled(
    lengths: Shape, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape, *, ceil_mode: bool
) -> list[int]:
    """How many windows there are on each axis. Raises InvalidCase."""
    if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
        raise InvalidCase(f"padding={padding} must be at most half of kernel_size={kernel}")
    sizes = []
    for n, k, s, p, d in zip(lengths, kernel, stride, padding, dilation, strict=True):
        room = n + 2 * p - d * (k - 1) - 1
        size = (-(-room // s) if ceil_mode else room // s) + 1
        if ceil_mode and (size - 1) * s >= n + p:
            size -= 1  # the last window must start inside the input or the padding before it
        sizes.append(size if room >= 0 else 0)
    return sizes


class Windows(OnAxes):
    """A pooling of windows with a stride of their own; a stride of None is the kernel's size."""

    __slots__ = ()

    kernel_size: int | tuple[int, ...]
    stride: int | tuple[int, ...] | None
    padding: int | tuple[int, ...]
    ceil_mode: bool

    positional = ("kernel_size",)

    def moved_over(self, channels: int, lengths: Shape) -> Shape:
        """The windows on each axis."""
        kernel, padding = on_each_axis(self.kernel_size, self.axes), on_each_axis(self.padding, self.axes)
        stride = kernel if self.stride is None else on_each_axis(self.stride, self.axes)
        dilation = on_each_axis(getattr(self, "dilation", 1), self.axes)
        return something_left((channels, *pooled(lengths, kernel, stride, padding, dilation, ceil_mode=self.ceil_mode)))


@layer
class MaxPool(Windows):
    """`torch.nn.MaxPool1d`, `MaxPool2d` or `MaxPool3d`; a stride of None is the kernel's size."""

    kind: Literal["MaxPool"] = field(default="MaxPool", repr=False)
    axes: Axes = 2
    kernel_size: Counts
    stride: Counts | None = None
    padding: Margins = 0
    dilation: Counts = 1
    ceil_mode: bool = False

    stem = "MaxPool"

    def numbers_beside(self, shape: Shape, out: Shape, N: int, C: int) -> int:
        """A maximum keeps for every sample which input each output was taken from."""
        return (1 + N) * prod(out) * max(prod(shape), prod(on_each_axis(self.kernel_size, self.axes)))


@layer
class AvgPool(Windows):
    """`torch.nn.AvgPool1d`, `AvgPool2d` or `AvgPool3d`; the first has no `divisor_override`."""

    kind: Literal["AvgPool"] = field(default="AvgPool", repr=False)
    axes: Axes = 2
    kernel_size: Counts
    stride: Counts | None = None
    padding: Margins = 0
    ceil_mode: bool = False
    count_include_pad: bool = True
    divisor_override: Annotated[int, Ge(1), Le(4096)] | None = None

    stem = "AvgPool"

    def moved_over(self, channels: int, lengths: Shape) -> Shape:
        if self.axes == 1 and self.divisor_override is not None:
            raise InvalidCase("AvgPool1d has no divisor_override")
        return Windows.moved_over(self, channels, lengths)


class Adaptive(OnAxes):
    """A pooling to a size, whatever the length of the input."""

    __slots__ = ()

    output_size: int | tuple[int, ...]

    positional = ("output_size",)

    def moved_over(self, channels: int, lengths: Shape) -> Shape:
        """The size on each axis."""
        return (channels, *on_each_axis(self.output_size, self.axes))


@layer
class AdaptiveAvgPool(Adaptive):
    """`torch.nn.AdaptiveAvgPool1d`, `AdaptiveAvgPool2d` or `AdaptiveAvgPool3d`."""

    kind: Literal["AdaptiveAvgPool"] = field(default="AdaptiveAvgPool", repr=False)
    axes: Axes = 2
    output_size: Counts

    stem = "AdaptiveAvgPool"


@layer
class AdaptiveMaxPool(Adaptive):
    """`torch.nn.AdaptiveMaxPool1d`, `AdaptiveMaxPool2d` or `AdaptiveMaxPool3d`."""

    kind: Literal["AdaptiveMaxPool"] = field(default="AdaptiveMaxPool", repr=False)
    axes: Axes = 2
    output_size: Counts

    stem = "AdaptiveMaxPool"

    def numbers_beside(self, shape: Shape, out: Shape, N: int, C: int) -> int:
        return (1 + N) * prod(out) * prod(shape)


@layer
class ZeroPad2d(Layer):
    """`torch.nn.ZeroPad2d`: zeros to the left, right, top and bottom; a negative number cuts off."""

    kind: Literal["ZeroPad2d"] = field(default="ZeroPad2d", repr=False)
    padding: Annotated[tuple[Annotated[int, Ge(-MAX_REACH), Le(MAX_REACH)], ...], Len(4, 4)]

    is_map = True

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != 3:
            raise InvalidCase(f"needs (channels, and 2 axes), not {shape}")
        left, right, top, bottom = self.padding
        return something_left((shape[0], shape[1] + top + bottom, shape[2] + left + right))


@composite
def pools(draw: st.DrawFn, shape: Shape, exact: bool) -> Layer:
    """Any of these; never a dilated MaxPool with ceil_mode, on which torch can abort the process."""
    lengths = shape[1:]
    axes = len(lengths)
    kinds = ["max", "average", "adaptive average", "adaptive max", *(["zeros"] if axes == 2 else [])]
    kind = draw(st.sampled_from(kinds))
    if kind == "zeros":
        sides = [draw(st.integers(-1 if n > 2 else 0, 2)) for n in reversed(lengths) for _ in ("before", "after")]
        return ZeroPad2d(padding=tuple(sides))
    if kind.startswith("adaptive"):
        # Among integers only sizes that divide give averages of a power of two.
        choices = [[m for m in range(1, n + 2) if not exact or (n % m == 0 and n // m in (1, 2, 4))] for n in lengths]
        size = short([draw(st.sampled_from(each)) for each in choices])
        average = kind == "adaptive average"
        return AdaptiveAvgPool(axes=axes, output_size=size) if average else AdaptiveMaxPool(axes=axes, output_size=size)
    kernel = [draw(st.integers(1, min(2 if exact and kind == "average" else 3, n))) for n in lengths]
    padding = [draw(st.integers(0, k // 2)) for k in kernel]
    stride = draw(st.none() | st.integers(1, 2))
    ceil = draw(st.booleans())
    if kind == "average":
        override = None if axes == 1 else draw(st.sampled_from([None, 2, 4] if exact else [None, 2, 3]))
        return AvgPool(
            axes=axes,
            kernel_size=short(kernel),
            stride=stride,
            padding=short(padding),
            ceil_mode=ceil,
            count_include_pad=draw(st.booleans()),
            divisor_override=override,
        )
    room = [n + 2 * p for n, p in zip(lengths, padding, strict=True)]
    dilation = [1 if ceil else within(draw(st.integers(1, 2)), k, r) for k, r in zip(kernel, room, strict=True)]
    return MaxPool(
        axes=axes,
        kernel_size=short(kernel),
        stride=stride,
        padding=short(padding),
        ceil_mode=ceil,
        dilation=short(dilation),
    )
