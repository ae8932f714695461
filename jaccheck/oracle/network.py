"""`Network`: a case as the oracle sees it, a list of linear maps and activations in float64, without torch."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from jaccheck.case import Case, Dropout, Flatten, Identity, Layer, Linear
from jaccheck.errors import InvalidCase
from jaccheck.oracle.arithmetic import Array


@dataclass(frozen=True, slots=True)
class Affine:
    """`z = W a + b` and the names of its two parameters."""

    path: str
    W: Array
    b: Array | None

    @property
    def weight(self) -> str:
        """Name of the parameter W."""
        return f"{self.path}.weight" if self.path else "weight"

    @property
    def bias(self) -> str:
        """Name of the parameter b."""
        return f"{self.path}.bias" if self.path else "bias"


Step = Affine | Layer


@dataclass(frozen=True, slots=True)
class Layout:
    """How the Jacobians `(N, C, *θ.shape)` of all trainable parameters lie in one flat vector, one after another."""

    N: int
    C: int
    shapes: dict[str, tuple[int, ...]]
    """Of each trainable parameter θ, by name."""

    @property
    def entries(self) -> int:
        """Length of the flat vector."""
        return self.N * self.C * sum(prod(shape) for shape in self.shapes.values())

    def offsets(self) -> dict[str, slice]:
        """Where the Jacobian of each trainable parameter lies."""
        found, start = {}, 0
        for name, shape in self.shapes.items():
            stop = start + self.N * self.C * prod(shape)
            found[name] = slice(start, stop)
            start = stop
        return found

    def locate(self, position: int) -> tuple[str, tuple[int, ...]]:
        """The parameter and the index in its Jacobian of an entry of the flat vector."""
        for name, part in self.offsets().items():
            if position < part.stop:
                index = np.unravel_index(position - part.start, (self.N, self.C, *self.shapes[name]))
                return name, tuple(int(i) for i in index)
        raise IndexError(position)


@dataclass(frozen=True, slots=True)
class Network:
    """Input `(N, features)`, the steps, and name and shape of each trainable parameter.

    Its outputs are C in a row of the last layer's, from number `first` on: all of them, but for a part of a large
    Jacobian.
    """

    X: Array
    steps: tuple[Step, ...]
    trainable: dict[str, tuple[int, ...]]
    C: int
    first: int = 0

    @property
    def N(self) -> int:
        """Number of samples."""
        return len(self.X)

    @property
    def layout(self) -> Layout:
        """How its Jacobians lie in one flat vector."""
        return Layout(self.N, self.C, self.trainable)

    @property
    def width(self) -> int:
        """Number of outputs of the last layer."""
        widths = [len(step.W) for step in self.steps if isinstance(step, Affine)]
        return widths[-1] if widths else self.X.shape[1]

    def offsets(self) -> dict[str, slice]:
        """Where the Jacobian of each trainable parameter lies in the flat vector of all of them."""
        return self.layout.offsets()

    def seeds(self) -> Array:
        """The derivative of its outputs by the last layer's, `(N, C, width)`."""
        return np.broadcast_to(np.eye(self.C, self.width, self.first), (self.N, self.C, self.width))


def network(case: Case, X: Array, parameters: dict[str, Array]) -> Network:
    """The network of `case` with these numbers (already rounded to its dtype), shaped for the oracle."""
    steps: list[Step] = []
    for path, layer in case.leaves():
        match layer:
            case Linear():
                steps.append(Affine(path, parameters[f"{path}.weight"], parameters.get(f"{path}.bias")))
            case Identity() | Dropout() | Flatten():
                continue
            case _:
                steps.append(layer)
    if not np.isfinite(X).all() or not all(np.isfinite(value).all() for value in parameters.values()):
        raise InvalidCase("its numbers overflow its dtype: scale them down")
    return Network(X.reshape(len(X), prod(case.in_shape)), tuple(steps), case.trainable(), case.outputs)
