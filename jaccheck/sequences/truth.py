"""`Truth`: what every derivative of one forward pass must be, from the closed form in numpy, and where it is exact."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jaccheck.judging import ClosedFormReference
from jaccheck.oracle import Affine, Array, Network, arithmetic, is_exact
from jaccheck.sequences.shape import Shape


@dataclass(frozen=True, slots=True)
class Quantity:
    """An extension of BackPACK: where it leaves its result, and whether it needs an extended loss."""

    extension: str
    savefield: str
    is_second_order: bool = False


QUANTITIES = (
    Quantity("BatchGrad", "grad_batch"),
    Quantity("SqrtGGNExact", "sqrt_ggn_exact", True),
    Quantity("BatchL2Grad", "batch_l2"),
    Quantity("SumGradSquared", "sum_grad_squared"),
    Quantity("Variance", "variance"),
    Quantity("DiagGGNExact", "diag_ggn_exact", True),
    Quantity("BatchDiagGGNExact", "diag_ggn_exact_batch", True),
    Quantity("DiagHessian", "diag_h", True),
    Quantity("BatchDiagHessian", "diag_h_batch", True),
)
"""Everything that BackPACK computes without random numbers and keeps as one tensor for each parameter."""

BY_EXTENSION = {quantity.extension: quantity for quantity in QUANTITIES}


class Truth:
    """The derivatives of a loss of the outputs `(N, C)` of a network: Jacobians, and all that BackPACK makes of them.

    With targets `y` the loss is the mean squared error, whose factor 2/(N·C) is a power of four: its root is exact.
    With weights `v` it is the sum of `v * f`.
    """

    def __init__(
        self,
        shape: Shape,
        values: dict[str, Array],
        X: Array,
        dtype: str,
        *,
        y: Array | None = None,
        v: Array | None = None,
    ) -> None:
        self.N, self.C = len(X), shape.C
        net = Network(X, shape.steps(values), shape.parameters(), shape.C)
        reference = ClosedFormReference(net, dtype)
        self.bits = arithmetic(dtype).precision_bits
        flat = reference.jacobian
        self.jacobians = {
            name: flat[part].reshape(self.N, self.C, *net.trainable[name]) for name, part in net.offsets().items()
        }
        self.f = shape.outputs(values, X)
        self.v = 2 * (self.f - y) / (self.N * self.C) if y is not None else v if v is not None else np.ones_like(self.f)
        self.root = np.sqrt(2 / (self.N * self.C))
        self.are_jacobians_exact = reference.exact
        self._are_gradients_exact = reference.exact and self._is_weighted_exact(net, dtype)
        self._found: dict[tuple[str, str], Array | None] = {}

    def _is_weighted_exact(self, net: Network, dtype: str) -> bool:
        """Whether a backward pass from `v` is exact: as one from the largest |v| in a further layer, in its grain."""
        sizes = np.abs(self.v)
        grain = smallest_part(self.v)
        last = Affine("v", np.stack([sizes.max(axis=0), np.full(self.C, grain)]), None)
        return is_exact(Network(net.X, (*net.steps, last), net.trainable, 2), arithmetic(dtype))

    def gradient(self, name: str) -> Array | None:
        """The gradient by a parameter; None where it could be rounded."""
        return self._kept(name, "gradient")

    def result(self, name: str, quantity: Quantity) -> Array | None:
        """What the extension must leave on a parameter; None where it could be rounded."""
        return self._kept(name, quantity.savefield)

    def _kept(self, name: str, field: str) -> Array | None:
        if (name, field) not in self._found:
            self._found[name, field] = self._compute(self.jacobians[name], field)
        return self._found[name, field]

    def _compute(self, J: Array, field: str) -> Array | None:
        g = np.einsum("nc,nc...->n...", self.v, J)
        axes = tuple(range(1, g.ndim))
        scaled = np.swapaxes(J, 0, 1) * self.root
        match field:
            case "gradient":
                return self._sum(g, (0,)) if self._are_gradients_exact else None
            case "grad_batch":
                return g if self._are_gradients_exact else None
            case "batch_l2":
                return self._sum(g**2, axes) if self._are_gradients_exact else None
            case "sum_grad_squared":
                return self._sum(g**2, (0,)) if self._are_gradients_exact else None
            case "variance":
                return self._variance(g)
            case "sqrt_ggn_exact":
                return scaled if self.are_jacobians_exact else None
            case "diag_ggn_exact" | "diag_h":
                return self._sum(scaled**2, (0, 1)) if self.are_jacobians_exact else None
            case _:
                return self._sum(scaled**2, (0,)) if self.are_jacobians_exact else None

    def _variance(self, g: Array) -> Array | None:
        squares, mean = self._sum(g**2 / self.N, (0,)), self._sum(g / self.N, (0,))
        if not self._are_gradients_exact or squares is None or mean is None:
            return None
        return self._sum(np.stack([squares, -(mean**2)]), (0,))

    def _sum(self, terms: Array, axes: tuple[int, ...]) -> Array | None:
        """The sum, if every order of summation gives the same."""
        total = float(np.abs(terms).sum(axis=axes).max(initial=0.0))
        return terms.sum(axis=axes) if total <= 2.0**self.bits * smallest_part(terms) else None


def smallest_part(values: Array) -> float:
    """The largest power of two that divides every value; 1 where all are zero."""
    mantissa, exponent = np.frexp(values[values != 0])
    if not mantissa.size:
        return 1.0
    whole = (mantissa * 2.0**53).astype(np.int64)
    trailing = np.log2((whole & -whole).astype(np.float64))
    return float(2.0 ** np.min(exponent - 53 + trailing))
