"""Convolutions over one, two or three `axes` of an input `(channels, *sizes)`, and what other layers over axes share.

Each layer stands for the modules of torch with that many dimensions in their names, and has the options of their
constructors; one number stands for the same on every axis.
"""

from __future__ import annotations

from dataclasses import field
from math import prod
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Le, Len

from jaccheck.case.drawing import composite, st
from jaccheck.case.layers.features import check_width
from jaccheck.case.layers.layer import Layer, Shape, Width, layer
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


def short(numbers: list[int]) -> int | tuple[int, ...]:
    """One number where all are the same."""
    return numbers[0] if len(set(numbers)) == 1 else tuple(numbers)


def within(dilation: int, kernel: int, room: int) -> int:
    """The dilation, or 1 where the kernel would then reach too far."""
    return dilation if dilation * (kernel - 1) + 1 <= room else 1


def something_left(shape: Shape) -> Shape:
    """The same shape. Raises InvalidCase where an axis is empty."""
    if min(shape) < 1:
        raise InvalidCase(f"nothing is left of its input: {shape}")
    return shape


class OnAxes(Layer):
    """A layer over one to three axes; torch has a class for each number of them."""

    __slots__ = ()

    axes: int
    stem: ClassVar[str]
    """What stands before the number of axes in the name of torch's class."""
    is_map = True

    @property
    def torch_name(self) -> str:
        """With the number of axes."""
        return f"{self.stem}{self.axes}d"

    @classmethod
    def module_names(cls) -> tuple[str, ...]:
        """One for each number of axes."""
        return tuple(f"{cls.stem}{axes}d" for axes in (1, 2, 3))

    def output_shape(self, shape: Shape) -> Shape:
        """Raises InvalidCase for another number of axes."""
        if len(shape) != self.axes + 1:
            raise InvalidCase(f"needs (channels, and {self.axes} axes), not {shape}")
        return self.moved_over(shape[0], shape[1:])

    def moved_over(self, channels: int, lengths: Shape) -> Shape:
        """The shape after the layer, for as many lengths as it has axes. Raises InvalidCase."""
        raise NotImplementedError


class Kernels(OnAxes):
    """A layer with a kernel for each pair of channels of a group."""

    __slots__ = ()

    out_channels: int
    kernel_size: int | tuple[int, ...]
    stride: int | tuple[int, ...]
    dilation: int | tuple[int, ...]
    groups: int
    bias: bool

    positional = ("out_channels", "kernel_size")

    def sizes(self, shape: Shape) -> tuple[object, ...]:
        """With the channels of the input."""
        return shape[0], self.out_channels, self.kernel_size

    def reach(self) -> tuple[Shape, Shape, Shape]:
        """Kernel, stride and dilation on each axis."""
        kernel, stride, dilation = (on_each_axis(n, self.axes) for n in (self.kernel_size, self.stride, self.dilation))
        return kernel, stride, dilation

    def check_groups(self, channels: int) -> None:
        """Raises InvalidCase where the groups do not divide the channels."""
        check_width("out_channels", self.out_channels)
        if channels % self.groups or self.out_channels % self.groups:
            raise InvalidCase(f"groups={self.groups} must divide {channels} and {self.out_channels} channels")

    def with_bias(self, weight: Shape) -> dict[str, Shape]:
        """The weight, and the bias if there is one."""
        return {"weight": weight, **({"bias": (self.out_channels,)} if self.bias else {})}


@layer
class Convolution(Kernels):
    """`torch.nn.Conv1d`, `Conv2d` or `Conv3d`; the number of input channels follows from the layer before."""

    kind: Literal["Convolution"] = field(default="Convolution", repr=False)
    axes: Axes = 2
    out_channels: Width
    kernel_size: Counts
    stride: Counts = 1
    padding: Margins | Literal["valid", "same"] = 0
    dilation: Counts = 1
    groups: Width = 1
    bias: bool = True
    padding_mode: PaddingMode = "zeros"

    stem = "Conv"

    def margins(self) -> list[tuple[int, int]]:
        """What is added before and after each axis; `"same"` adds the odd one after. Raises InvalidCase."""
        kernel, stride, dilation = self.reach()
        if self.padding == "same":
            if any(s != 1 for s in stride):
                raise InvalidCase(f"padding='same' needs stride 1, not {stride}")
            spans = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
            return [(span // 2, span - span // 2) for span in spans]
        padding = on_each_axis(0 if self.padding == "valid" else self.padding, self.axes)
        return [(p, p) for p in padding]

    def moved_over(self, channels: int, lengths: Shape) -> Shape:
        self.check_groups(channels)
        margins = self.margins()
        if self.padding_mode != "zeros":
            widest = [max(pair) for pair in margins]
            limit = {"reflect": -1, "circular": 0}.get(self.padding_mode)
            if limit is not None and any(w > n + limit for w, n in zip(widest, lengths, strict=True)):
                raise InvalidCase(f"padding {widest} is too much for {self.padding_mode} on {tuple(lengths)}")
        kernel, stride, dilation = self.reach()
        sizes = [
            (n + sum(m) - d * (k - 1) - 1) // s + 1
            for n, m, k, s, d in zip(lengths, margins, kernel, stride, dilation, strict=True)
        ]
        return something_left((self.out_channels, *sizes))

    def parameters(self, shape: Shape) -> dict[str, Shape]:
        kernel = on_each_axis(self.kernel_size, self.axes)
        return self.with_bias((self.out_channels, shape[0] // self.groups, *kernel))

    def numbers_beside(self, shape: Shape, out: Shape, N: int, C: int) -> int:
        return prod(out) * (prod(shape) + (1 + N * C) * prod(self.parameters(shape)["weight"][1:]))

    @classmethod
    def strategy(cls, shape: Shape, *, exact: bool) -> st.SearchStrategy[Layer]:
        return _convolution(shape)


@composite
def _convolution(draw: st.DrawFn, shape: Shape) -> Convolution:
    channels, *lengths = shape
    axes = len(lengths)
    groups = draw(st.sampled_from([g for g in (1, 2, 3) if channels % g == 0]))
    mode = draw(st.sampled_from(PADDING_MODES))
    most = {"reflect": -1, "circular": 0}.get(mode, 1)
    form = draw(st.sampled_from(["numbers", "numbers", "numbers", "same", "valid"]))
    padding = [draw(st.integers(0, max(0, min(2, n + most)))) if form == "numbers" else 0 for n in lengths]
    kernel = [draw(st.integers(1, min(3, n + 2 * p))) for n, p in zip(lengths, padding, strict=True)]
    dilation = [within(draw(st.integers(1, 2)), k, n + 2 * p) for k, n, p in zip(kernel, lengths, padding, strict=True)]
    if form == "same" and any(d * (k - 1) > n - 1 for d, k, n in zip(dilation, kernel, lengths, strict=True)):
        form = "valid"
    return Convolution(
        axes=axes,
        out_channels=groups * draw(st.integers(1, 2)),
        kernel_size=short(kernel),
        stride=1 if form == "same" else short([draw(st.integers(1, 3)) for _ in lengths]),
        padding=short(padding) if form == "numbers" else "same" if form == "same" else "valid",
        dilation=short(dilation),
        groups=groups,
        bias=draw(st.booleans()),
        padding_mode=mode,
    )


@layer
class TransposedConvolution(Kernels):
    """`torch.nn.ConvTranspose1d`, `ConvTranspose2d` or `ConvTranspose3d`, which torch pads with zeros only."""

    kind: Literal["TransposedConvolution"] = field(default="TransposedConvolution", repr=False)
    axes: Axes = 2
    out_channels: Width
    kernel_size: Counts
    stride: Counts = 1
    padding: Margins = 0
    output_padding: Margins = 0
    groups: Width = 1
    bias: bool = True
    dilation: Counts = 1

    stem = "ConvTranspose"

    def moved_over(self, channels: int, lengths: Shape) -> Shape:
        self.check_groups(channels)
        kernel, stride, dilation = self.reach()
        padding, more = on_each_axis(self.padding, self.axes), on_each_axis(self.output_padding, self.axes)
        if any(o >= max(s, d) for o, s, d in zip(more, stride, dilation, strict=True)):
            raise InvalidCase(f"output_padding={more} must be less than stride {stride} or dilation {dilation}")
        sizes = [
            (n - 1) * s - 2 * p + d * (k - 1) + o + 1
            for n, p, k, s, d, o in zip(lengths, padding, kernel, stride, dilation, more, strict=True)
        ]
        return something_left((self.out_channels, *sizes))

    def parameters(self, shape: Shape) -> dict[str, Shape]:
        kernel = on_each_axis(self.kernel_size, self.axes)
        return self.with_bias((shape[0], self.out_channels // self.groups, *kernel))

    def numbers_beside(self, shape: Shape, out: Shape, N: int, C: int) -> int:
        return prod(shape) * (prod(out) + (1 + N * C) * prod(self.parameters(shape)["weight"][1:]))

    @classmethod
    def strategy(cls, shape: Shape, *, exact: bool) -> st.SearchStrategy[Layer]:
        return _transposed(shape)


@composite
def _transposed(draw: st.DrawFn, shape: Shape) -> TransposedConvolution:
    channels, *lengths = shape
    groups = draw(st.sampled_from([g for g in (1, 2, 3) if channels % g == 0]))
    kernel, stride, dilation, padding, more = [], [], [], [], []
    for n in lengths:
        k, s, d = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(1, 2))
        whole = (n - 1) * s + d * (k - 1) + 1
        kernel.append(k)
        stride.append(s)
        dilation.append(d)
        padding.append(draw(st.integers(0, min(2, (whole - 1) // 2))))
        more.append(draw(st.integers(0, max(s, d) - 1)))
    return TransposedConvolution(
        axes=len(lengths),
        out_channels=groups * draw(st.integers(1, 2)),
        kernel_size=short(kernel),
        stride=short(stride),
        padding=short(padding),
        output_padding=short(more),
        groups=groups,
        bias=draw(st.booleans()),
        dilation=short(dilation),
    )
