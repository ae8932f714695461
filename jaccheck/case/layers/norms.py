"""Normalisations, and the softmax, which normalises too."""

from __future__ import annotations

from dataclasses import field
from math import prod
from typing import Annotated, Literal

from annotated_types import Ge, Le

from jaccheck.case.drawing import st
from jaccheck.case.layers.convolutions import Axes, OnAxes
from jaccheck.case.layers.layer import Layer, Shape, Width, layer
from jaccheck.errors import InvalidCase

Axis = Annotated[int, Ge(-4), Le(4)]
Epsilon = Annotated[float, Ge(1e-12), Le(1e3)]


@layer
class BatchNorm(OnAxes):
    """`torch.nn.BatchNorm1d`, `BatchNorm2d` or `BatchNorm3d` in evaluation mode, with running statistics.

    That of one axis also takes input of `(channels,)`.
    """

    kind: Literal["BatchNorm"] = field(default="BatchNorm", repr=False)
    axes: Axes = 2
    eps: Epsilon = 1e-5
    affine: bool = True

    stem = "BatchNorm"

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != self.axes + 1 and (self.axes, len(shape)) != (1, 1):
            raise InvalidCase(f"needs (channels, and {self.axes} axes), not {shape}")
        return shape

    def parameters(self, shape: Shape) -> dict[str, Shape]:
        return {"weight": shape[:1], "bias": shape[:1]} if self.affine else {}

    def buffers(self, shape: Shape) -> dict[str, Shape]:
        """The running statistics."""
        return {"running_mean": shape[:1], "running_var": shape[:1]}

    def sizes(self, shape: Shape) -> tuple[object, ...]:
        return shape[:1]

    def products(self, shape: Shape, out: Shape) -> int:
        """Of two maps, one with the statistics and one with the weight."""
        return 2 * prod(shape) * prod(out)

    @classmethod
    def strategy(cls, shape: Shape, *, exact: bool) -> st.SearchStrategy[Layer]:
        epsilons = st.sampled_from([0.25, 0.5, 0.125]) if exact else st.sampled_from([1e-5, 0.1, 0.25])
        axes = st.just(max(len(shape) - 1, 1))
        return st.builds(cls, axes=axes, eps=epsilons, affine=st.sampled_from([True, True, False]))


class AlongAxis(Layer):
    """A softmax along one axis."""

    __slots__ = ()

    dim: int

    has_rule = False

    def output_shape(self, shape: Shape) -> Shape:
        """Raises InvalidCase for an axis that there is not, and for that of the samples."""
        if not -len(shape) <= self.dim <= len(shape) or self.dim == 0:
            raise InvalidCase(f"dim={self.dim} is no axis of (N, {', '.join(map(str, shape))}) but the samples'")
        return shape

    def options(self) -> dict[str, object]:
        """Always with `dim`: torch's own default is an axis that depends on the shape."""
        return {"dim": self.dim}

    @classmethod
    def strategy(cls, shape: Shape, *, exact: bool) -> st.SearchStrategy[Layer]:
        """Along the last axis, named from either end."""
        return st.builds(cls, dim=st.sampled_from([-1, len(shape)]))


@layer
class Softmax(AlongAxis):
    """`torch.nn.Softmax` along an axis that is not the samples'."""

    kind: Literal["Softmax"] = field(default="Softmax", repr=False)
    dim: Axis = -1


@layer
class LogSoftmax(AlongAxis):
    """`torch.nn.LogSoftmax` along an axis that is not the samples'."""

    kind: Literal["LogSoftmax"] = field(default="LogSoftmax", repr=False)
    dim: Axis = -1


@layer
class LayerNorm(Layer):
    """`torch.nn.LayerNorm` over the last axis."""

    kind: Literal["LayerNorm"] = field(default="LayerNorm", repr=False)
    eps: Epsilon = 1e-5
    elementwise_affine: bool = True

    has_rule = False

    def parameters(self, shape: Shape) -> dict[str, Shape]:
        return {"weight": shape[-1:], "bias": shape[-1:]} if self.elementwise_affine else {}

    def sizes(self, shape: Shape) -> tuple[object, ...]:
        return shape[-1:]

    @classmethod
    def strategy(cls, shape: Shape, *, exact: bool) -> st.SearchStrategy[Layer]:
        return st.builds(cls, eps=st.sampled_from([1e-5, 0.1]), elementwise_affine=st.booleans())


@layer
class GroupNorm(Layer):
    """`torch.nn.GroupNorm` over groups of the first axis after the samples."""

    kind: Literal["GroupNorm"] = field(default="GroupNorm", repr=False)
    num_groups: Width
    eps: Epsilon = 1e-5
    affine: bool = True

    has_rule = False
    positional = ("num_groups",)

    def output_shape(self, shape: Shape) -> Shape:
        if shape[0] % self.num_groups:
            raise InvalidCase(f"num_groups={self.num_groups} does not divide {shape[0]} channels")
        return shape

    def parameters(self, shape: Shape) -> dict[str, Shape]:
        return {"weight": shape[:1], "bias": shape[:1]} if self.affine else {}

    def sizes(self, shape: Shape) -> tuple[object, ...]:
        return self.num_groups, shape[0]

    @classmethod
    def strategy(cls, shape: Shape, *, exact: bool) -> st.SearchStrategy[Layer]:
        groups = st.sampled_from([g for g in (1, 2, 3) if shape[0] % g == 0 and prod(shape) > g])
        return st.builds(cls, num_groups=groups, eps=st.sampled_from([1e-5, 0.1]), affine=st.booleans())
