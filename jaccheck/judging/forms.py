"""`ClosedFormWitness`: the closed form of a network with its bounds, and how each method is compared with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jaccheck.methods import Method
from jaccheck.oracle import (
    Array,
    Layout,
    Loss,
    Network,
    Order,
    arithmetic,
    backward,
    difference_bound,
    forward,
    is_exact,
    loss_bound,
    scaled,
)
from jaccheck.reports import Mode, Source


@dataclass(frozen=True, slots=True)
class Expectation:
    """How one method is compared with the closed form on this case."""

    mode: Mode
    bound: Array
    undecided: int


@dataclass(slots=True)
class Seconds:
    """Time spent on a witness."""

    oracle: float = 0.0
    reference: float = 0.0


def smallest_seed(net: Network) -> float:
    """The smallest factor that a method which scales its loss begins the backward pass with: √2 by √(N·C) at least.

    The law of batches asks for one sample more.
    """
    return float(1 / np.sqrt(max(2.0, (net.N + 1) * net.C) / 2))


class ClosedFormWitness:
    """The closed form of a network in float64, with its bounds for one dtype."""

    source: Source = "closed form"

    def __init__(self, net: Network, dtype: str) -> None:
        self.network = net
        self._dtype = dtype
        self._ar = arithmetic(dtype, smallest_seed=smallest_seed(net))
        self.exact = is_exact(net, self._ar)
        self._form = backward(net, forward(net, self._ar, exact=self.exact), self._ar, exact=self.exact)
        self._expectations: dict[tuple[Order, int, float, Loss | None], Expectation] = {}
        self.nonzero = int(np.count_nonzero(self._form.jacobian))

    @property
    def layout(self) -> Layout:
        """How the Jacobians lie in the flat vectors."""
        return self.network.layout

    @property
    def jacobian(self) -> Array:
        """The closed form, flat."""
        return self._form.jacobian

    @property
    def reference_bound(self) -> Array:
        """How far autograd itself may be from the closed form."""
        return self._form.bound

    def expectation(self, method: Method, *, rows: tuple[int, int] | None = None) -> Expectation:
        """Whether a method must be equal here, or within which bound of the closed form.

        With `rows` it is asked as many samples and outputs, by which some methods scale, but the same rows.
        """
        N, C = rows or (self.network.N, self.network.C)
        key = (method.order, method.roundings(N, C), method.step, method.loss)
        if key not in self._expectations:
            self._expectations[key] = self._expect(*key)
        return self._expectations[key]

    def _expect(self, order: Order, roundings: int, step: float, loss: Loss | None) -> Expectation:
        if self.exact and not roundings and not step and not loss:
            return Expectation("exact", self._form.bound, 0)
        if loss:
            bound = loss_bound(self.network, self._dtype, loss, exact=self.exact)
        elif step:
            # Differences are taken in float64, whatever the dtype, and rounded to it at the end.
            bound = difference_bound(self.network, arithmetic("float64"), step)
            size = np.abs(self.jacobian) + bound
            bound = np.where(size <= self._ar.largest, bound + self._ar.gamma(1) * size + self._ar.eta, np.inf)
        else:
            # With a certificate the forward pass is exact, but a scaled backward pass is not.
            ahead = forward(self.network, self._ar, exact=self.exact)
            is_same = order is Order.REVERSE and not self.exact
            form = self._form if is_same else backward(self.network, ahead, self._ar, order=order)
            bound = scaled(form, roundings, self._ar) if roundings else form.bound
        return Expectation("bound", bound, count_undecided(self.layout, self.jacobian, bound))


def count_undecided(layout: Layout, jacobian: Array, bound: Array) -> int:
    """Entries where the bound is wider than the entry itself and than 2⁻⁸ of the parameter's largest."""
    count = 0
    for part in layout.offsets().values():
        size = np.abs(jacobian[part])
        count += int(np.count_nonzero(bound[part] > np.maximum(size, np.max(size, initial=0.0) / 256)))
    return count
