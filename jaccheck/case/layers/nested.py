"""Layers made of layers, and the scaling that stands between them.

The modules that torch does not have stand in `jaccheck/methods/containers.py`, under the same names.
"""

from __future__ import annotations

from dataclasses import field, fields, replace
from math import prod
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Le, Len

from jaccheck.case.layers.activations import Slope
from jaccheck.case.layers.layer import Layer, Shape, layer
from jaccheck.errors import InvalidCase

Times = Annotated[int, Ge(1), Le(8)]


class Nested(Layer):
    """A layer that runs layers."""

    __slots__ = ()

    is_branched: ClassVar[bool] = False
    """Whether each of its runs is a Sequential of its own."""
    names: ClassVar[str] = ""
    """What stands before the names of the layers inside."""
    inside: ClassVar[str] = "layers"
    """The field that holds them."""

    @property
    def runs(self) -> tuple[tuple[str, tuple[Layer, ...]], ...]:
        """The one run of layers."""
        return ((self.names, self.layers),)  # type: ignore[attr-defined]

    def with_run(self, index: int, run: tuple[Layer, ...]) -> Layer:
        """With another run of layers."""
        return replace(self, layers=run)

    def joined(self, shape: Shape, out: list[Shape]) -> Shape:
        """The shape of one sample behind it, from that behind each of its runs. Raises InvalidCase."""
        if out[0] != shape:
            raise InvalidCase(f"keeps the shape {shape}, but its layers lead to {out[0]}")
        return shape

    def options(self) -> dict[str, object]:
        """All but the layers."""
        names = [each.name for each in fields(self) if each.name not in ("kind", self.inside)]
        return {name: getattr(self, name) for name in names}


@layer
class Sequential(Nested):
    """A nested `torch.nn.Sequential`."""

    kind: Literal["Sequential"] = field(default="Sequential", repr=False)
    layers: tuple[Layer, ...]

    def joined(self, shape: Shape, out: list[Shape]) -> Shape:
        return out[0]

    def label(self, shape: Shape) -> str:
        return self.torch_name


@layer
class Own(Nested):
    """A class of the user's own that calls its layers one after the other, as a Sequential does."""

    kind: Literal["Own"] = field(default="Own", repr=False)
    layers: tuple[Layer, ...]

    def joined(self, shape: Shape, out: list[Shape]) -> Shape:
        return out[0]

    def label(self, shape: Shape) -> str:
        return "a class of its own"


@layer
class Residual(Nested):
    """`x + layers(x)`; the layers must keep the shape."""

    kind: Literal["Residual"] = field(default="Residual", repr=False)
    layers: tuple[Layer, ...]

    def label(self, shape: Shape) -> str:
        return "x + …"


@layer
class Parallel(Nested):
    """Every branch on the same input; their outputs are added up, or joined along the first axis after the samples."""

    kind: Literal["Parallel"] = field(default="Parallel", repr=False)
    branches: Annotated[tuple[tuple[Layer, ...], ...], Len(1, 8)]
    merge: Literal["sum", "cat"] = "sum"

    is_branched = True
    inside = "branches"

    @property
    def runs(self) -> tuple[tuple[str, tuple[Layer, ...]], ...]:
        return tuple((f"{index}.", layers) for index, layers in enumerate(self.branches))

    def with_run(self, index: int, run: tuple[Layer, ...]) -> Layer:
        return replace(self, branches=(*self.branches[:index], run, *self.branches[index + 1 :]))

    def joined(self, shape: Shape, out: list[Shape]) -> Shape:
        if self.merge == "sum":
            if len(set(out)) != 1:
                raise InvalidCase(f"adds branches of one shape, not {out}")
            return out[0]
        if len({each[1:] for each in out}) != 1:
            raise InvalidCase(f"joins branches along the first axis, not {out}")
        return (sum(each[0] for each in out), *out[0][1:])

    def label(self, shape: Shape) -> str:
        return "branches, added up" if self.merge == "sum" else "branches, joined"


@layer
class Repeat(Nested):
    """The same layers, with the same parameters, `times` in a row; they must keep the shape."""

    kind: Literal["Repeat"] = field(default="Repeat", repr=False)
    layers: tuple[Layer, ...]
    times: Times = 2

    @property
    def passes(self) -> int:
        return self.times

    def label(self, shape: Shape) -> str:
        return f"the same layers {self.times} times"


@layer
class Tied(Nested):
    """The same layers `times` in a row, each time other modules that hold the same parameters; they keep the shape."""

    kind: Literal["Tied"] = field(default="Tied", repr=False)
    layers: tuple[Layer, ...]
    times: Times = 2

    names = "0."

    @property
    def torch_name(self) -> str:
        return "tied"

    @property
    def passes(self) -> int:
        return self.times

    def label(self, shape: Shape) -> str:
        return f"{self.times} times, with the same parameters"


@layer
class Scale(Layer):
    """`factor * x`."""

    kind: Literal["Scale"] = field(default="Scale", repr=False)
    factor: Slope

    positional = ("factor",)

    def numbers_beside(self, shape: Shape, out: Shape, N: int, C: int) -> int:
        return prod(shape) * prod(out)
