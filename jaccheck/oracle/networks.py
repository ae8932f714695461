"""`Network`: a case as the oracle sees it, linear maps, activations, choices and branches in float64, without torch.

All features of a sample stand in one row, in torch's order, whatever their shape.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

from jaccheck.case import Layer
from jaccheck.oracle.activations import NegativePart
from jaccheck.oracle.assumptions import Array
from jaccheck.oracle.loss_ends import LossEnd
from jaccheck.oracle.tables import Indices, Table


class Affine:
    """`z = W a + b`, and the names of its two parameters; each number of W and b is a parameter of its own."""

    is_fixed = False
    """Whether its numbers are no parameters."""
    roundings = 0
    """How often its numbers themselves have been rounded."""
    terms = 1
    """Most products in one entry of the Jacobian of the weight."""

    def __init__(self, path: str, W: Array, b: Array | None) -> None:
        self.path = path
        self.W = W
        self.b = b

    @property
    def weight(self) -> str:
        """Name of the parameter W."""
        return f"{self.path}.weight" if self.path else "weight"

    @property
    def bias(self) -> str:
        """Name of the parameter b."""
        return f"{self.path}.bias" if self.path else "bias"

    @property
    def magnitude(self) -> Array:
        """For each entry of W the sum of the absolute values that it is made of."""
        return np.abs(self.W)

    @property
    def fan_in(self) -> int:
        """Most products in one output."""
        return int(self.W.shape[1])

    @property
    def fan_out(self) -> int:
        """Most outputs that one input goes into."""
        return int(self.W.shape[0])

    @property
    def shared(self) -> int:
        """Outputs that have one bias together."""
        return 1

    def by_weight(self, delta: Array, a: Array) -> Array:
        """`(N, C, weight)`: the sums over all products of δ `(N, C, outputs)` with the input `(N, features)`."""
        return (delta[..., None] * a[:, None, None]).reshape(*delta.shape[:2], self.W.size)

    def by_bias(self, delta: Array) -> Array:
        """`(N, C, bias)`: the sums of δ over all outputs of one bias."""
        return delta


class SparseAffine(Affine):
    """A linear map whose numbers stand in more than one place, or are fixed: a table of products.

    `numbers` are the flat weight, or the factor of each product where there is none; `channel` is for each output
    the index of its bias.
    """

    def __init__(
        self,
        path: str,
        table: Table,
        numbers: Array,
        sizes: tuple[int, int],
        bias: Array | None,
        channel: Indices,
        *,
        is_fixed: bool = False,
        roundings: int = 0,
        is_dyadic: bool = True,
        silent: Indices | None = None,
    ) -> None:
        factor = numbers if is_fixed else numbers[table.key]
        W, magnitude = np.zeros(sizes), np.zeros(sizes)
        np.add.at(W, (table.out, table.inp), factor)
        np.add.at(magnitude, (table.out, table.inp), np.abs(factor))
        super().__init__(path, W, None if bias is None else bias[channel])
        self.roundings = roundings
        self.is_fixed = is_fixed
        self.is_dyadic = is_dyadic
        """False where its factors come out exact in float64 only by chance."""
        self.table = table
        self.factor = factor
        self.channel = channel
        self._magnitude = magnitude
        self.biases = 0 if bias is None else len(bias)
        self._of_bias = (channel[:, None] == np.arange(self.biases)).astype(np.float64)
        self.size = len(numbers)
        # Products that move the output but have no derivative, as the row of an Embedding's padding.
        self.seen = np.ones(len(table.key), bool) if silent is None else ~np.isin(table.key, silent)
        order = np.argsort(table.key[self.seen], kind="stable")
        self._out, self._inp, key = (each[self.seen][order] for each in (table.out, table.inp, table.key))
        self._keys, self._starts, counts = np.unique(key, return_index=True, return_counts=True)
        self.terms = int(counts.max(initial=1))
        self._fan_in = int(np.bincount(table.out).max(initial=1))
        self._fan_out = int(np.bincount(table.inp).max(initial=1))

    @property
    def magnitude(self) -> Array:
        """For each entry of W the sum of the absolute values that it is made of."""
        return self._magnitude

    @property
    def fan_in(self) -> int:
        """Most products in one output."""
        return self._fan_in

    @property
    def fan_out(self) -> int:
        """Most outputs that one input goes into."""
        return self._fan_out

    @property
    def shared(self) -> int:
        """Outputs that have one bias together."""
        return int(self._of_bias.sum(axis=0).max(initial=1))

    def by_weight(self, delta: Array, a: Array) -> Array:
        """`(N, C, weight)`: the sums over all products of δ `(N, C, outputs)` with the input `(N, features)`."""
        whole = np.zeros((*delta.shape[:2], self.size))
        if len(self._keys):
            products = delta[:, :, self._out] * a[:, None, self._inp]
            whole[:, :, self._keys] = np.add.reduceat(products, self._starts, axis=2)
        return whole

    def by_bias(self, delta: Array) -> Array:
        """`(N, C, bias)`: the sums of δ over all outputs of one bias."""
        return np.asarray(delta @ self._of_bias)


@dataclass(frozen=True, slots=True, eq=False)
class WindowMax:
    """The largest of each window: `(outputs, window)` of indices, −1 for nothing; of equal ones the first."""

    windows: Indices


@dataclass(frozen=True, slots=True, eq=False)
class Branches:
    """Every branch on the same input; the outputs are added up, or stand one after another."""

    branches: tuple[tuple[Step, ...], ...]
    is_sum: bool


Curve = Layer | NegativePart
"""An activation: a layer that `activations.RULES` has a rule for."""

Step = Affine | WindowMax | Branches | Curve


def all_steps(steps: tuple[Step, ...]) -> Iterator[Step]:
    """Every step, those of branches after the Branches that they belong to."""
    for step in steps:
        yield step
        if isinstance(step, Branches):
            for branch in step.branches:
                yield from all_steps(branch)


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
    Jacobian. `width` is the number of outputs of the last layer, C where nothing is said.
    """

    X: Array
    steps: tuple[Step, ...]
    trainable: dict[str, tuple[int, ...]]
    C: int
    width: int = 0
    first: int = 0
    loss: LossEnd | None = None
    """The loss of each sample, which then is the only output."""

    @property
    def N(self) -> int:
        """Number of samples."""
        return len(self.X)

    @property
    def layout(self) -> Layout:
        """How its Jacobians lie in one flat vector."""
        return Layout(self.N, self.C, self.trainable)

    @property
    def is_chain(self) -> bool:
        """Whether it is a chain of Affines with numbers of their own and activations, as multilayer perceptrons are."""
        affine = [id(step) for step in self.steps if isinstance(step, Affine)]
        is_plain = not any(isinstance(step, SparseAffine | WindowMax | Branches) for step in self.steps)
        return is_plain and len(set(affine)) == len(affine)

    @property
    def chain(self) -> tuple[Affine | Curve, ...]:
        """Its steps, where it is a chain. Raises TypeError where it is none."""
        if not self.is_chain:
            raise TypeError("the network is no chain of Affines and activations")
        return self.steps  # type: ignore[return-value]

    @property
    def numbers_per_row(self) -> int:
        """About how many numbers closed form and bounds hold for a sample and an output, beside the Jacobian itself."""
        affine = [step for step in all_steps(self.steps) if isinstance(step, Affine)]
        products = max((len(step.table.key) for step in affine if isinstance(step, SparseAffine)), default=0)
        return 8 * max((max(step.W.shape) for step in affine), default=0) + 4 * products

    @property
    def numbers_per_sample(self) -> int:
        """About how many they hold for a sample, whatever the number of outputs: what each pooling has chosen."""
        chosen = (step.windows for step in all_steps(self.steps) if isinstance(step, WindowMax))
        # One matrix of inputs and outputs says what was chosen, another what is in doubt.
        return sum(3 * len(windows) * (int(windows.max()) + 1) for windows in chosen)

    def offsets(self) -> dict[str, slice]:
        """Where the Jacobian of each trainable parameter lies in the flat vector of all of them."""
        return self.layout.offsets()

    def cotangents(self) -> Array:
        """The derivative of its outputs by the last layer's, `(N, C, width)`, where they are no losses."""
        width = self.width or self.C
        return np.broadcast_to(np.eye(self.C, width, self.first), (self.N, self.C, width))
