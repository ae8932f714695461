"""`Shape`: a small piecewise linear network as plain data, its numbers, and both as source text of a script."""

from __future__ import annotations

from typing import Literal

import numpy as np

from jaccheck.case import LeakyReLU, ReLU
from jaccheck.core import plain_data
from jaccheck.oracle import Affine, Array, Step

Between = Literal["ReLU", "LeakyReLU", "Flatten"]

SLOPE = 0.5
"""Of LeakyReLU: a power of two, so that nothing is rounded."""

LARGEST, NONZEROS = 2, 2
"""Weights, biases and inputs are integers up to this; so many of a row of weights are not zero."""


@plain_data
class Shape:
    """A `Sequential` of Linears of these widths, what stands between them, and whether they have a bias."""

    widths: tuple[int, ...]
    between: tuple[Between, ...]
    bias: bool = True

    @property
    def C(self) -> int:
        """Number of outputs."""
        return self.widths[-1]

    @property
    def modules(self) -> int:
        """Number of modules in the Sequential."""
        return 2 * len(self.widths) - 3

    def paths(self) -> tuple[str, ...]:
        """The names of the modules."""
        return tuple(map(str, range(self.modules)))

    def parameters(self) -> dict[str, tuple[int, ...]]:
        """Shape of each parameter by name, in the order of `Module.named_parameters`."""
        found: dict[str, tuple[int, ...]] = {}
        for layer, (inputs, outputs) in enumerate(zip(self.widths, self.widths[1:], strict=False)):
            found[f"{2 * layer}.weight"] = (outputs, inputs)
            if self.bias:
                found[f"{2 * layer}.bias"] = (outputs,)
        return found

    def steps(self, values: dict[str, Array]) -> tuple[Step, ...]:
        """The network with these numbers, as the oracle sees it."""
        found: list[Step] = []
        for module in range(self.modules):
            if module % 2 == 0:
                found.append(Affine(str(module), values[f"{module}.weight"], self._bias(values, module)))
            elif (kind := self.between[module // 2]) != "Flatten":
                found.append(ReLU() if kind == "ReLU" else LeakyReLU(negative_slope=SLOPE))
        return tuple(found)

    def outputs(self, values: dict[str, Array], X: Array) -> Array:
        """The outputs `(N, C)` for X."""
        a = X
        for module in range(self.modules):
            if module % 2 == 0:
                a = a @ values[f"{module}.weight"].T + self._bias(values, module)
            elif (kind := self.between[module // 2]) != "Flatten":
                a = np.where(a > 0, a, (SLOPE if kind == "LeakyReLU" else 0.0) * a)
        return a

    def _bias(self, values: dict[str, Array], module: int) -> Array:
        return values[f"{module}.bias"] if self.bias else np.zeros(len(values[f"{module}.weight"]))

    def numbers(self, seed: int) -> dict[str, Array]:
        """Small integers for each parameter."""
        generator = np.random.Generator(np.random.PCG64(seed))
        found = {}
        for name, shape in self.parameters().items():
            value = generator.integers(-LARGEST, LARGEST, size=shape, endpoint=True).astype(np.float64)
            if len(shape) == 2 and shape[1] > NONZEROS:
                for row in value:
                    row[generator.permutation(shape[1])[NONZEROS:]] = 0
            found[name] = value
        return found

    def load(self, name: str, values: dict[str, Array]) -> str:
        """The line of Python that gives the network in `name` these numbers."""
        return load(name, values)

    def batch(self, N: int, seed: int) -> Array:
        """N samples of small integers."""
        generator = np.random.Generator(np.random.PCG64(seed))
        return generator.integers(-LARGEST, LARGEST, size=(N, self.widths[0]), endpoint=True).astype(np.float64)

    def source(self, name: str, values: dict[str, Array], dtype: str) -> list[str]:
        """Lines of Python that make this network in the variable `name`."""
        parts = []
        for module in range(self.modules):
            if module % 2 == 0:
                inputs, outputs = self.widths[module // 2 : module // 2 + 2]
                parts.append(f"nn.Linear({inputs}, {outputs}{'' if self.bias else ', bias=False'})")
            else:
                kind = self.between[module // 2]
                parts.append(f"nn.{kind}({SLOPE if kind == 'LeakyReLU' else ''})")
        return [f"{name} = nn.Sequential({', '.join(parts)}).to(torch.{dtype})", load(name, values)]


def load(name: str, values: dict[str, Array]) -> str:
    """The line of Python that gives the network in `name` these numbers."""
    numbers = ", ".join(f'"{key}": torch.tensor({literal(value)})' for key, value in values.items())
    return f"{name}.load_state_dict({{{numbers}}})"


def literal(value: Array) -> str:
    """The numbers as Python text, whole ones as `2.`."""
    return repr(value.tolist()).replace(".0]", ".]").replace(".0,", ".,").replace("-0.]", "0.]").replace("-0.,", "0.,")
