"""Layers that move numbers and compute none: permuted, transposed and sliced views, entries taken by index, padding.

Axes are numbered as torch does, so that axis 0 is that of the samples, which none of these touches.
"""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal

from annotated_types import Ge, Le, Len

from jaccheck.case.drawing import composite, st
from jaccheck.case.layers.layer import MAX_WIDTH, Layer, Shape, layer
from jaccheck.errors import InvalidCase

Axis = Annotated[int, Ge(1), Le(4)]
Place = Annotated[int, Ge(-MAX_WIDTH), Le(MAX_WIDTH)]


class View(Layer):
    """A layer that moves numbers; its torch module stands in `jaccheck/methods/containers.py`."""

    __slots__ = ()

    is_map = True

    def options(self) -> dict[str, object]:
        """All is positional."""
        return {}


def _check_axes(shape: Shape, *axes: int) -> None:
    for axis in axes:
        if axis > len(shape):
            raise InvalidCase(f"there is no axis {axis} of (N, {', '.join(map(str, shape))})")


@layer
class Permute(View):
    """`x.permute(0, *order)`."""

    kind: Literal["Permute"] = field(default="Permute", repr=False)
    order: Annotated[tuple[Axis, ...], Len(1, 4)]

    positional = ("order",)

    def output_shape(self, shape: Shape) -> Shape:
        if sorted(self.order) != list(range(1, len(shape) + 1)):
            raise InvalidCase(f"order={self.order} is none of the axes 1 to {len(shape)}")
        return tuple(shape[axis - 1] for axis in self.order)


@layer
class Transpose(View):
    """`x.transpose(first, second)`."""

    kind: Literal["Transpose"] = field(default="Transpose", repr=False)
    first: Axis
    second: Axis

    positional = ("first", "second")

    def output_shape(self, shape: Shape) -> Shape:
        _check_axes(shape, self.first, self.second)
        sizes = list(shape)
        sizes[self.first - 1], sizes[self.second - 1] = shape[self.second - 1], shape[self.first - 1]
        return tuple(sizes)


@layer
class Slice(View):
    """`x[:, start:stop:step]` along an axis."""

    kind: Literal["Slice"] = field(default="Slice", repr=False)
    axis: Axis
    start: Place | None = None
    stop: Place | None = None
    step: Annotated[int, Ge(1), Le(MAX_WIDTH)] = 1

    positional = ("axis", "start", "stop", "step")

    def output_shape(self, shape: Shape) -> Shape:
        _check_axes(shape, self.axis)
        left = len(range(shape[self.axis - 1])[self.start : self.stop : self.step])
        if not left:
            raise InvalidCase(f"nothing is left of {shape[self.axis - 1]} by {self.start}:{self.stop}:{self.step}")
        return (*shape[: self.axis - 1], left, *shape[self.axis :])


@layer
class Take(View):
    """`x[:, indices]` along an axis: entries in any order, any of them more than once."""

    kind: Literal["Take"] = field(default="Take", repr=False)
    axis: Axis
    indices: Annotated[tuple[Annotated[int, Ge(0), Le(MAX_WIDTH)], ...], Len(1, 64)]

    positional = ("axis", "indices")

    def output_shape(self, shape: Shape) -> Shape:
        _check_axes(shape, self.axis)
        if max(self.indices) >= shape[self.axis - 1]:
            raise InvalidCase(f"index {max(self.indices)} is beyond {shape[self.axis - 1]} entries")
        return (*shape[: self.axis - 1], len(self.indices), *shape[self.axis :])


@layer
class Pad(View):
    """`torch.nn.functional.pad(x, padding, value=value)`; a negative number cuts off."""

    kind: Literal["Pad"] = field(default="Pad", repr=False)
    padding: Annotated[tuple[Annotated[int, Ge(-64), Le(64)], ...], Len(2, 8)]
    value: Annotated[float, Ge(-1e6), Le(1e6)] = 0.0

    positional = ("padding", "value")

    def output_shape(self, shape: Shape) -> Shape:
        axes, odd = divmod(len(self.padding), 2)
        if odd or axes > len(shape):
            raise InvalidCase(f"padding={self.padding} is no pair for each of the last axes of {shape}")
        sizes = list(shape)
        for axis in range(axes):
            before, after = self.padding[2 * axis : 2 * axis + 2]
            sizes[-1 - axis] += before + after
            if min(before, 0) + min(after, 0) + shape[-1 - axis] < 1:
                raise InvalidCase(f"padding={self.padding} leaves nothing of {shape}")
        return tuple(sizes)


@composite
def views(draw: st.DrawFn, shape: Shape, exact: bool) -> Layer:
    """Any of these."""
    axis = draw(st.integers(1, len(shape)))
    size = shape[axis - 1]
    kinds = ["slice", "take", "pad", *(["permute", "transpose"] if len(shape) > 1 else [])]
    match draw(st.sampled_from(kinds)):
        case "permute":
            return Permute(order=tuple(draw(st.permutations(range(1, len(shape) + 1)))))
        case "transpose":
            return Transpose(first=axis, second=draw(st.integers(1, len(shape))))
        case "slice":
            start = draw(st.integers(0, size - 1))
            stop = draw(st.none() | st.integers(start + 1, size))
            return Slice(axis=axis, start=start or None, stop=stop, step=draw(st.sampled_from([1, 1, 2])))
        case "take":
            return Take(axis=axis, indices=tuple(draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=4))))
        case _:
            least = -1 if shape[-1] > 2 else 0
            sides = draw(st.lists(st.integers(least, 2), min_size=2, max_size=2))
            if len(shape) > 1 and draw(st.booleans()):
                sides += draw(st.lists(st.integers(0, 1), min_size=2, max_size=2))
            return Pad(padding=tuple(sides), value=draw(st.sampled_from([0.0, 1.0, -2.0] if exact else [0.0, 0.1])))
