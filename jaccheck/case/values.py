"""How the numbers of a `Case` are made: a seed and a recipe, then modifications that a shrinker can drop one by one.

A modification names its target by an index that is taken modulo what is there, so that it stays valid while the
network around it shrinks.
"""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal

from annotated_types import Ge, Le
from pydantic import Field

from jaccheck.core import plain_data

Index = Annotated[int, Ge(0), Le(4096)]
Exponent = Annotated[int, Ge(-300), Le(300)]


@plain_data
class Integers:
    """Small integers: every row of a weight has at most `fan_in` nonzeros, each at most `magnitude`.

    In networks of piecewise linear layers all arithmetic on them is exact in every order, so equality decides.
    """

    kind: Literal["Integers"] = field(default="Integers", repr=False)
    magnitude: Annotated[int, Ge(1), Le(64)] = 2
    fan_in: Annotated[int, Ge(1), Le(4096)] = 3


@plain_data
class Normal:
    """Standard normal input; weights of variance 2/inputs, so that activations stay of order one; biases of 1/4."""

    kind: Literal["Normal"] = field(default="Normal", repr=False)


@plain_data
class ScaleLayer:
    """The weights of the `layer`-th Linear are multiplied by `2**exponent`."""

    kind: Literal["ScaleLayer"] = field(default="ScaleLayer", repr=False)
    layer: Index
    exponent: Exponent


@plain_data
class ScaleInput:
    """The input is multiplied by `2**exponent`."""

    kind: Literal["ScaleInput"] = field(default="ScaleInput", repr=False)
    exponent: Exponent


@plain_data
class SetUnit:
    """The `unit`-th output of the `layer`-th Linear: weights zero, bias (if there is one) `bias`.

    `bias=0` sits on the kink of an activation, a large negative one makes a dead unit, a large one saturates.
    """

    kind: Literal["SetUnit"] = field(default="SetUnit", repr=False)
    layer: Index
    unit: Index
    bias: Annotated[float, Ge(-1e6), Le(1e6)] = 0.0


@plain_data
class CopySample:
    """Sample `target` becomes equal to sample `source`."""

    kind: Literal["CopySample"] = field(default="CopySample", repr=False)
    source: Index
    target: Index


@plain_data
class ZeroSample:
    """All entries of one sample are zero, of the given sign."""

    kind: Literal["ZeroSample"] = field(default="ZeroSample", repr=False)
    sample: Index
    negative: bool = False


Recipe = Annotated[Integers | Normal, Field(discriminator="kind")]
Modification = Annotated[ScaleLayer | ScaleInput | SetUnit | CopySample | ZeroSample, Field(discriminator="kind")]
