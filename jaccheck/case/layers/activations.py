"""Activations: one number in, one number out, element by element."""

from __future__ import annotations

from dataclasses import field
from math import prod
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Le

from jaccheck.case.drawing import st
from jaccheck.case.layers.layer import MAX_WIDTH, Layer, Shape, layer
from jaccheck.errors import InvalidCase

Slope = Annotated[float, Ge(-1e6), Le(1e6)]


class Activation(Layer):
    """A function of one number, applied to every feature."""

    __slots__ = ()

    is_exact: ClassVar[bool] = False
    """Whether small integers go through it without rounding, with the options that `strategy` draws for them."""

    @classmethod
    def variants(cls) -> tuple[Layer, ...]:
        """What the family `activations` and the support matrix have of it: one for each option that matters."""
        return ()


@layer
class ReLU(Activation):
    """`torch.nn.ReLU`."""

    kind: Literal["ReLU"] = field(default="ReLU", repr=False)


@layer
class LeakyReLU(Activation):
    """`torch.nn.LeakyReLU`."""

    kind: Literal["LeakyReLU"] = field(default="LeakyReLU", repr=False)
    negative_slope: Slope = 0.01

    shrinks_to_defaults = True


@layer
class Tanh(Activation):
    """`torch.nn.Tanh`."""

    kind: Literal["Tanh"] = field(default="Tanh", repr=False)


@layer
class Sigmoid(Activation):
    """`torch.nn.Sigmoid`."""

    kind: Literal["Sigmoid"] = field(default="Sigmoid", repr=False)


@layer
class LogSigmoid(Activation):
    """`torch.nn.LogSigmoid`."""

    kind: Literal["LogSigmoid"] = field(default="LogSigmoid", repr=False)


@layer
class ELU(Activation):
    """`torch.nn.ELU`."""

    kind: Literal["ELU"] = field(default="ELU", repr=False)
    alpha: Slope = 1.0

    shrinks_to_defaults = True


@layer
class SELU(Activation):
    """`torch.nn.SELU`."""

    kind: Literal["SELU"] = field(default="SELU", repr=False)


@layer
class GELU(Activation):
    """`torch.nn.GELU`."""

    kind: Literal["GELU"] = field(default="GELU", repr=False)
    approximate: Literal["none", "tanh"] = "none"

    shrinks_to_defaults = True

    @classmethod
    def variants(cls) -> tuple[Layer, ...]:
        return cls(), cls(approximate="tanh")

    @classmethod
    def strategy(cls, shape: Shape, *, exact: bool) -> st.SearchStrategy[Layer]:
        return st.builds(cls, approximate=st.sampled_from(["none", "tanh"]))


@layer
class PReLU(Layer):
    """`torch.nn.PReLU`: one slope for all features, or one for each of the first axis after the samples."""

    kind: Literal["PReLU"] = field(default="PReLU", repr=False)
    num_parameters: Annotated[int, Ge(1), Le(MAX_WIDTH)] = 1

    shrinks_to_defaults = True

    def output_shape(self, shape: Shape) -> Shape:
        if self.num_parameters not in (1, shape[0]):
            raise InvalidCase(f"num_parameters={self.num_parameters} is neither 1 nor the {shape[0]} of the first axis")
        return shape

    def parameters(self, shape: Shape) -> dict[str, Shape]:
        return {"weight": (self.num_parameters,)}

    def products(self, shape: Shape, out: Shape) -> int:
        return prod(shape) * prod(out)

    @classmethod
    def strategy(cls, shape: Shape, *, exact: bool) -> st.SearchStrategy[Layer]:
        return st.builds(cls, num_parameters=st.sampled_from(sorted({1, shape[0]})))


@layer
class Softplus(Activation):
    """`torch.nn.Softplus`: above the threshold z itself."""

    kind: Literal["Softplus"] = field(default="Softplus", repr=False)
    beta: Annotated[float, Ge(1e-3), Le(1e3)] = 1.0
    threshold: Annotated[float, Ge(-1e3), Le(1e3)] = 20.0

    shrinks_to_defaults = True

    def output_shape(self, shape: Shape) -> Shape:
        if not self.beta > 0:
            raise InvalidCase(f"beta={self.beta} must be above 0")
        return shape

    @classmethod
    def variants(cls) -> tuple[Layer, ...]:
        return cls(), cls(beta=2.0, threshold=1.5)

    @classmethod
    def strategy(cls, shape: Shape, *, exact: bool) -> st.SearchStrategy[Layer]:
        return st.builds(cls, beta=st.sampled_from([1.0, 2.0, 0.3]), threshold=st.sampled_from([20.0, 1.0, 0.5]))


@layer
class SiLU(Activation):
    """`torch.nn.SiLU`."""

    kind: Literal["SiLU"] = field(default="SiLU", repr=False)

    @classmethod
    def variants(cls) -> tuple[Layer, ...]:
        return (cls(),)


@layer
class Mish(Activation):
    """`torch.nn.Mish`."""

    kind: Literal["Mish"] = field(default="Mish", repr=False)

    @classmethod
    def variants(cls) -> tuple[Layer, ...]:
        return (cls(),)


@layer
class Softsign(Activation):
    """`torch.nn.Softsign`."""

    kind: Literal["Softsign"] = field(default="Softsign", repr=False)

    @classmethod
    def variants(cls) -> tuple[Layer, ...]:
        return (cls(),)


@layer
class Hardtanh(Activation):
    """`torch.nn.Hardtanh`."""

    kind: Literal["Hardtanh"] = field(default="Hardtanh", repr=False)
    min_val: Slope = -1.0
    max_val: Slope = 1.0

    is_exact = True
    shrinks_to_defaults = True

    def output_shape(self, shape: Shape) -> Shape:
        if not self.min_val < self.max_val:
            raise InvalidCase(f"min_val={self.min_val} must be below max_val={self.max_val}")
        return shape

    @classmethod
    def variants(cls) -> tuple[Layer, ...]:
        return cls(), cls(min_val=-2.5, max_val=2.0)

    @classmethod
    def strategy(cls, shape: Shape, *, exact: bool) -> st.SearchStrategy[Layer]:
        lowest, highest = ([-1.0, -2.0, 0.0], [1.0, 2.5]) if exact else ([-1.0, -0.3, -2.0], [1.0, 0.7])
        return st.builds(cls, min_val=st.sampled_from(lowest), max_val=st.sampled_from(highest))


@layer
class ReLU6(Activation):
    """`torch.nn.ReLU6`, a Hardtanh from 0 to 6."""

    kind: Literal["ReLU6"] = field(default="ReLU6", repr=False)

    is_exact = True
    fixed = (("min_val", 0.0), ("max_val", 6.0))

    @classmethod
    def variants(cls) -> tuple[Layer, ...]:
        return (cls(),)


@layer
class Hardswish(Activation):
    """`torch.nn.Hardswish`."""

    kind: Literal["Hardswish"] = field(default="Hardswish", repr=False)

    @classmethod
    def variants(cls) -> tuple[Layer, ...]:
        return (cls(),)
