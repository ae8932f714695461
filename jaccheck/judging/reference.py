"""`Reference`: what the Jacobians of a problem must be; `Expectation`: what the result of one method must be."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from jaccheck.judging.second_look import SecondLook
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Expectation:
    """What one result must be: its structure, each entry as one flat vector, and how far each may be off."""

    source: Source
    mode: Mode
    layout: Layout
    dtype: str
    device: str
    expected: Array
    bound: Array
    undecided: int
    look: SecondLook | None = None
    """Without it whatever is outside its bound is wrong; else it says what of that is."""


class Reference(ABC):
    """What the Jacobians of one problem must be, in one dtype and on one device; shared by all methods."""

    source: Source
    layout: Layout
    dtype: str
    device: str
    jacobian: Array
    """What they are, in float64, flat."""
    exact: bool
    """Whether a certificate says that no evaluation rounds anything."""
    proven: tuple[str, ...] = ()
    """The dtypes in which results are held to bounds that are proven by what a forward pass computes."""
    unproven: str = ""
    """What has no bound, where a forward pass has been looked at and something has none."""

    @cached_property
    def nonzero(self) -> int:
        """How many entries are not zero."""
        return int(np.count_nonzero(self.jacobian))

    @abstractmethod
    def expectation(self, method: Method, *, rows: tuple[int, int] | None = None) -> Expectation:
        """What the result of a method must be.

        With `rows` it is asked as many samples and outputs, by which some methods scale, but the same rows.
        """

    def expectations(self, method: Method) -> Iterator[Expectation]:
        """Everything that a result of the method is compared with; the last one is in the problem's own dtype."""
        yield self.expectation(method)

    def _expectation(self, mode: Mode, bound: Array, undecided: int) -> Expectation:
        return Expectation(
            source=self.source,
            mode=mode,
            layout=self.layout,
            dtype=self.dtype,
            device=self.device,
            expected=self.jacobian,
            bound=bound,
            undecided=undecided,
        )


class ClosedFormReference(Reference):
    """The closed form of a network in float64, with its proven bounds for one dtype."""

    source = "closed form"

    def __init__(self, net: Network, dtype: str, device: str = "cpu") -> None:
        self.network = net
        self.layout, self.dtype, self.device = net.layout, dtype, device
        self._ar = arithmetic(dtype, smallest_cotangent=_least_factor(net))
        self.exact = is_exact(net, self._ar)
        self._form = backward(net, forward(net, self._ar, exact=self.exact), self._ar, exact=self.exact)
        self.jacobian, self.autograd_bound = self._form.jacobian, self._form.bound
        self._expectations: dict[tuple[Order, int, float, Loss | None], Expectation] = {}

    def expectation(self, method: Method, *, rows: tuple[int, int] | None = None) -> Expectation:
        """Equality where nothing rounds, else the closed form within the bound for how the method computes."""
        N, C = rows or (self.network.N, self.network.C)
        key = (method.order, method.roundings(N, C), method.step, method.loss)
        if key not in self._expectations:
            self._expectations[key] = self._expect(*key)
        return self._expectations[key]

    def _expect(self, order: Order, roundings: int, step: float, loss: Loss | None) -> Expectation:
        if self.exact and not roundings and not step and not loss:
            return self._expectation("exact", self._form.bound, 0)
        if loss:
            bound = loss_bound(self.network, self.dtype, loss, exact=self.exact)
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
        return self._expectation("bound", bound, count_undecided(self.layout, self.jacobian, bound))


def _least_factor(net: Network) -> float:
    """The same of a network; the mean of a loss divides by more."""
    root = smallest_cotangent(net.N, net.C)
    return root if net.loss is None else min(root, net.loss.least_share(net.width))


def smallest_cotangent(N: int, C: int) -> float:
    """The smallest factor that a method which scales its loss begins the backward pass with: √2 by √(N·C) at least.

    The law of batches asks for one sample more.
    """
    return float(1 / np.sqrt(max(2.0, (N + 1) * C) / 2))


def count_undecided(layout: Layout, jacobian: Array, bound: Array) -> int:
    """Entries where the bound is wider than the entry itself and than 2⁻⁸ of the parameter's largest."""
    count = 0
    for part in layout.offsets().values():
        size = np.abs(jacobian[part])
        largest = np.max(np.nan_to_num(size, nan=0.0, posinf=np.inf), initial=0.0)
        is_wide = bound[part] > np.maximum(np.nan_to_num(size, nan=0.0, posinf=np.inf), largest / 256)
        count += int(np.count_nonzero(is_wide))
    return count
