"""The Jacobian in closed form, in float64, and beside each entry a proven bound on the error of any other evaluation.

`δ` is the derivative of the outputs by the current layer, `(N, C, features)`; its error grows with `m`, the magnitude
that roundings are relative to. In reverse mode every method forms δ itself, so m = |δ|. In any other order (forward
mode) only the product of all absolute values is safe: m is carried along as `|W|ᵀ m`, since a product of perturbed
matrices A + Δ, in whatever order it is formed, is within ∏(|A| + |Δ|) − ∏|A| of the unperturbed one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from jaccheck.oracle.assumptions import Arithmetic, Array
from jaccheck.oracle.networks import Affine, Branches, Network, SparseAffine, all_steps
from jaccheck.oracle.propagation import Chosen, Forward, Record, forward, largest

__all__ = ["ClosedForm", "Forward", "Order", "backward", "forward", "rounded_up", "scaled"]


class Order(Enum):
    """In which order a method multiplies the factors of a Jacobian."""

    REVERSE = "reverse"
    ANY = "any"
    """Reverse or forward, or, where nothing underflows, any other order."""


@dataclass(frozen=True, slots=True)
class ClosedForm:
    """All Jacobians as one flat vector, parameter after parameter, each `(N, C, *θ.shape)`, and their bounds."""

    jacobian: Array
    bound: Array


@dataclass(slots=True)
class _Backward:
    """δ on its way down, `(N, C, features)`, with everything that bounds its error."""

    ar: Arithmetic
    order: Order
    delta: Array
    m: Array
    E: Array
    lost: Array
    """What underflow in the layers above can add to any entry in forward mode, per sample and output."""
    again: int = 0
    """In forward mode a tangent by a parameter that is used more than once is added up as often again at each layer."""
    peak: float = 1.0

    def through_activation(self, slope: Array, slope_error: Array) -> None:
        """δ ∘ slope. At most three products are formed on the way; slopes themselves account for their own."""
        ar, steep, whole = self.ar, np.abs(slope) + slope_error, self.m + self.E
        self.E = steep * self.E + slope_error * self.m + ar.gamma(1) * steep * whole + 3 * ar.eta
        self.lost = self.lost + 3 * ar.eta * np.sum(whole, axis=2, keepdims=True)
        self._arrive(self.delta * slope, self.m * np.abs(slope), self.E)

    def through_affine(self, step: Affine) -> None:
        """δ W, a sum of as many products as there are outputs in reverse mode, and inputs in forward mode."""
        ar, W, whole = self.ar, step.magnitude, self.m + self.E
        k = max(step.fan_in, step.fan_out) + self.again if self.order is Order.ANY else step.fan_out
        magnitude = whole @ W
        self.lost = self.lost + 2 * k * ar.eta * np.sum(whole, axis=2, keepdims=True)
        self.E = self.E @ W + ar.gamma(k + step.roundings) * magnitude + 2 * k * ar.eta
        self._arrive(self.delta @ step.W, self.m @ W, magnitude + self.E)

    def through_maximum(self, chosen: Chosen) -> None:
        """Each δ goes to what was chosen, or, in doubt, to any of those that may have been; windows may overlap."""
        whole, reach = self.m + self.E, np.maximum(chosen.first, chosen.doubtful)
        windows = int(reach.sum(axis=1).max(initial=0))
        product = self.m @ reach
        self.E = self.E @ reach + whole @ chosen.doubtful + self.ar.gamma(windows) * (whole @ reach)
        self._arrive(self.delta @ chosen.first, product, product + self.E)

    def _arrive(self, delta: Array, product: Array, reached: Array) -> None:
        self.delta = delta
        self.m = np.abs(delta) if self.order is Order.REVERSE else product
        self.peak = float(np.maximum(self.peak, largest(np.maximum(reached, self.m + self.E))))

    def split(self, widths: list[int], *, is_sum: bool) -> list[_Backward]:
        """The same for each branch: all of δ where they are added up, its share where they stand side by side."""
        if is_sum:
            # In forward mode the tangents of all branches are added up here.
            E = self.E
            if self.order is Order.ANY:
                E = E + self.ar.gamma(len(widths) - 1) * (self.m + E)
            return [replace(self, E=E) for _ in widths]
        ends = np.cumsum(widths)
        shares = [slice(int(end - width), int(end)) for end, width in zip(ends, widths, strict=True)]
        return [replace(self, delta=self.delta[..., part], m=self.m[..., part], E=self.E[..., part]) for part in shares]

    def join(self, branches: list[_Backward]) -> None:
        """Back at the input of the branches, whose derivatives add up."""
        whole = _total([branch.m + branch.E for branch in branches])
        self.E = _total([branch.E for branch in branches]) + self.ar.gamma(len(branches) - 1) * whole
        self.lost = _total([branch.lost for branch in branches]) - (len(branches) - 1) * self.lost
        self.peak = max(self.peak, *(branch.peak for branch in branches))
        self._arrive(_total([branch.delta for branch in branches]), _total([branch.m for branch in branches]), whole)

    def bias_bound(self, step: Affine) -> Array:
        """The bound of the Jacobian of the bias, which is δ, or a sum of it over the outputs that share it."""
        ar, bound = self.ar, step.by_bias(self.E)
        if step.shared > 1:
            bound = bound + ar.gamma(step.shared) * step.by_bias(self.m + self.E) + step.shared * ar.eta
        return bound + self.lost if self.order is Order.ANY else bound

    def weight_bound(self, step: Affine, a: Array, Ea: Array) -> Array:
        """The bound of the Jacobian of the weight, which is δ ⊗ a, or a sum of such products."""
        ar, size, whole = self.ar, np.abs(a) + Ea, self.m + self.E
        bound = step.by_weight(self.m, Ea) + step.by_weight(self.E, size)
        bound += ar.gamma(step.terms) * step.by_weight(whole, size) + (2 * step.terms - 1) * ar.eta
        if self.order is Order.REVERSE:
            return bound
        # In reverse mode what underflows in δ is scaled by a; in forward mode a is the first factor.
        own = step.terms * ar.eta * np.sum(whole, axis=2, keepdims=True) if isinstance(step, SparseAffine) else 0.0
        return bound + self.lost + own


def _total(values: list[Array]) -> Array:
    return np.asarray(np.sum(np.stack(np.broadcast_arrays(*values)), axis=0))


class _Entries:
    """The Jacobians as they are found, from the last use of a parameter to its first."""

    def __init__(self, net: Network, ar: Arithmetic) -> None:
        self._offsets = net.offsets()
        total = max((part.stop for part in self._offsets.values()), default=0)
        self.jacobian, self.bound = np.zeros(total), np.zeros(total)
        self._ar = ar
        self._written: set[str] = set()

    def part(self, name: str) -> bool:
        """Whether a Jacobian by this parameter is asked for."""
        return name in self._offsets

    def add(self, name: str, jacobian: Array, bound: Array | None) -> None:
        """What one use of a parameter adds to its Jacobian."""
        part = self._offsets[name]
        if name not in self._written:
            self._written.add(name)
            self.jacobian[part] = jacobian.ravel()
            if bound is not None:
                self.bound[part] = bound.ravel()
            return
        if bound is not None:
            reached = np.abs(self.jacobian[part]) + self.bound[part] + np.abs(jacobian.ravel()) + bound.ravel()
            self.bound[part] += bound.ravel() + self._ar.gamma(1) * reached
        self.jacobian[part] += jacobian.ravel()


@np.errstate(over="ignore", invalid="ignore")
def backward(
    net: Network, ahead: Forward, ar: Arithmetic, *, exact: bool = False, order: Order = Order.REVERSE
) -> ClosedForm:
    """The Jacobians from a forward pass, and their bounds; `exact` leaves the bounds at zero."""
    state, found = _start(net, ahead, ar, order), _Entries(net, ar)
    start = state.peak
    _down(ahead.records, state, found, exact=exact, is_first=True)
    if exact:
        return ClosedForm(found.jacobian, found.bound)
    peaks = [ahead.peak, state.peak, largest(np.abs(found.jacobian) + found.bound)]
    if order is Order.ANY:
        peaks.append(ahead.peak_tangent * start)
    if net.loss is not None:
        peaks.append(net.loss.value(*ahead.output))
    fits = all(peak <= ar.largest for peak in peaks)
    return ClosedForm(found.jacobian, rounded_up(found.bound) if fits else np.full_like(found.bound, np.inf))


def _start(net: Network, ahead: Forward, ar: Arithmetic, order: Order) -> _Backward:
    """δ at the outputs: units, or the derivative of each sample's loss, which may be off itself."""
    again = _uses(net) - 1
    if net.loss is None:
        δ = net.cotangents()
        return _Backward(ar, order, δ, δ, np.zeros_like(δ), np.zeros((net.N, net.C, 1)), again)
    δ, m, E = (each[:, None] for each in net.loss.derivative(*ahead.output, ar))
    # Forward mode adds up the tangents of all outputs once more, and underflow there is of any size.
    lost = (2 * δ.shape[2] + 8) * ar.eta * np.sum(1 + m + E, axis=2, keepdims=True)
    reach = largest(np.sum(m + E, axis=2))
    magnitude = np.abs(δ) if order is Order.REVERSE else m
    return _Backward(ar, order, δ, magnitude, E, lost, again, peak=max(1.0, reach))


def _down(records: tuple[Record, ...], state: _Backward, found: _Entries, *, exact: bool, is_first: bool) -> None:
    """δ from the end of a run of steps to its start; what lies before the very first step is not asked for."""
    for record in reversed(records):
        step = record.step
        if isinstance(step, Branches):
            widths = [_width(run, record.a) for run in record.inside]
            branches = state.split(widths, is_sum=step.is_sum)
            for run, branch in zip(record.inside, branches, strict=True):
                _down(run, branch, found, exact=exact, is_first=False)
            state.join(branches)
        elif record.slope is not None:
            state.through_activation(record.slope[0][:, None], record.slope[1][:, None])
        elif record.chosen is not None:
            state.through_maximum(record.chosen)
        else:
            assert isinstance(step, Affine)
            if not step.is_fixed and found.part(step.bias):
                found.add(step.bias, step.by_bias(state.delta), None if exact else state.bias_bound(step))
            if not step.is_fixed and found.part(step.weight):
                jacobian = step.by_weight(state.delta, record.a)
                found.add(step.weight, jacobian, None if exact else state.weight_bound(step, record.a, record.E))
            if is_first and record is records[0]:
                return
            state.through_affine(step)


def _width(run: tuple[Record, ...], a: Array) -> int:
    """Number of features that come out of a run of steps on `a`."""
    for record in reversed(run):
        match record.step:
            case Affine():
                return int(record.step.W.shape[0])
            case Branches():
                widths = [_width(inside, record.a) for inside in record.inside]
                return widths[0] if record.step.is_sum else sum(widths)
            case _ if record.chosen is not None:
                return int(record.chosen.first.shape[1])
    return int(a.shape[1])


def _uses(net: Network) -> int:
    """How often the parameter that is used most often is used."""
    counts: dict[int, int] = {}
    for step in all_steps(net.steps):
        if isinstance(step, Affine):
            counts[id(step)] = counts.get(id(step), 0) + 1
    return max(counts.values(), default=1)


def rounded_up(bound: Array) -> Array:
    """The bound, enlarged by more than its own evaluation in float64 can round: at most 2²⁰ nonnegative terms."""
    return bound * (1 + 2.0**-30)


def scaled(form: ClosedForm, roundings: int, ar: Arithmetic) -> Array:
    """The bound for a result that was computed scaled by a constant, with that many extra roundings of each entry."""
    return form.bound + ar.gamma(roundings) * (np.abs(form.jacobian) + form.bound) + roundings * ar.eta
