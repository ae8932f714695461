"""Layers on a sequence `(steps, features)`: recurrent ones and attention. No bound is proven for them."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal

from annotated_types import Ge, Le

from jaccheck.case.drawing import st
from jaccheck.case.layers.layer import Layer, Shape, Width, layer
from jaccheck.errors import InvalidCase

GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}
"""Rows of a recurrent weight for each hidden feature."""


@layer
class SelfAttention(Layer):
    """`torch.nn.MultiheadAttention` of a sequence `(steps, features)` on itself, without the weights it returns."""

    kind: Literal["SelfAttention"] = field(default="SelfAttention", repr=False)
    num_heads: Annotated[int, Ge(1), Le(64)] = 1

    has_rule = False
    positional = ("num_heads",)

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != 2 or shape[1] % self.num_heads:
            raise InvalidCase(f"needs (steps, features), a multiple of {self.num_heads} of them, not {shape}")
        return shape

    def parameters(self, shape: Shape) -> dict[str, Shape]:
        width = shape[-1]
        projections = {"in_proj_weight": (3 * width, width), "in_proj_bias": (3 * width,)}
        joined = {"out_proj.weight": (width, width), "out_proj.bias": (width,)}
        return {f"attention.{name}": size for name, size in (projections | joined).items()}

    def sizes(self, shape: Shape) -> tuple[object, ...]:
        return shape[-1], self.num_heads

    @classmethod
    def strategy(cls, shape: Shape, *, exact: bool) -> st.SearchStrategy[Layer]:
        return st.builds(cls, num_heads=st.sampled_from([h for h in (1, 2) if shape[-1] % h == 0]))


@layer
class Recurrent(Layer):
    """`torch.nn.RNN`, `LSTM` or `GRU` on a sequence `(steps, features)`.

    It gives all of its outputs, its last hidden state of every layer and direction, or both: the outputs with the state
    of the last layer behind them. With `has_state` it begins with a constant state, the same for each sample.
    """

    kind: Literal["Recurrent"] = field(default="Recurrent", repr=False)
    cell: Literal["RNN", "LSTM", "GRU"] = "RNN"
    hidden_size: Width
    num_layers: Annotated[int, Ge(1), Le(4)] = 1
    bias: bool = True
    bidirectional: bool = False
    has_state: bool = False
    returns: Literal["outputs", "state", "both"] = "outputs"

    has_rule = False
    positional = ("cell", "hidden_size")

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != 2:
            raise InvalidCase(f"needs (steps, features), not {shape}")
        width = self.hidden_size * (1 + self.bidirectional)
        if self.returns == "state":
            return (width * self.num_layers,)
        return shape[0] + (self.returns == "both"), width

    def buffers(self, shape: Shape) -> dict[str, Shape]:
        """The hidden state that it begins with, and the cell state of an LSTM."""
        size = (self.num_layers * (1 + self.bidirectional), self.hidden_size)
        names = ("hidden", "memory") if self.cell == "LSTM" else ("hidden",)
        return dict.fromkeys(names, size) if self.has_state else {}

    def parameters(self, shape: Shape) -> dict[str, Shape]:
        rows = GATES[self.cell] * self.hidden_size
        found: dict[str, Shape] = {}
        directions = ("", "_reverse") if self.bidirectional else ("",)
        for depth in range(self.num_layers):
            inputs = shape[-1] if depth == 0 else self.hidden_size * len(directions)
            for direction in directions:
                end = f"l{depth}{direction}"
                found[f"cell.weight_ih_{end}"] = (rows, inputs)
                found[f"cell.weight_hh_{end}"] = (rows, self.hidden_size)
                if self.bias:
                    found |= {f"cell.bias_ih_{end}": (rows,), f"cell.bias_hh_{end}": (rows,)}
        return found

    def sizes(self, shape: Shape) -> tuple[object, ...]:
        return self.cell, shape[-1], self.hidden_size

    @classmethod
    def drawn(cls, draw: st.DrawFn) -> Recurrent:
        """A small one of any kind."""
        return cls(
            cell=draw(st.sampled_from(["RNN", "LSTM", "GRU"])),
            hidden_size=draw(st.integers(1, 3)),
            num_layers=draw(st.integers(1, 2)),
            bias=draw(st.sampled_from([True, True, False])),
            bidirectional=draw(st.sampled_from([False, False, True])),
            has_state=draw(st.sampled_from([False, False, True])),
            returns=draw(st.sampled_from(RETURNS)),
        )


RETURNS: list[Literal["outputs", "state", "both"]] = ["outputs", "outputs", "state", "both"]
