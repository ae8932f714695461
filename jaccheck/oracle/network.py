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


Step = Affine | Layer


@dataclass(frozen=True, slots=True)
class Network:
    """Input `(N, features)`, the steps, and name and shape of each trainable parameter."""

    X: Array
    steps: tuple[Step, ...]
    trainable: dict[str, tuple[int, ...]]
    C: int

    @property
    def N(self) -> int:
        """Number of samples."""
        return len(self.X)

    def offsets(self) -> dict[str, slice]:
        """Where the Jacobian of each trainable parameter lies in the flat vector of all of them."""
        found, start = {}, 0
        for name, shape in self.trainable.items():
            stop = start + self.N * self.C * prod(shape)
            found[name] = slice(start, stop)
            start = stop
        return found


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
