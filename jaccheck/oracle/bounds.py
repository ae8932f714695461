"""The Jacobian in closed form, in float64, and beside each entry a proven bound on the error of any other evaluation.

Forward: beside each quantity an absolute error bound is carried. Backward: `δ` is the derivative of the outputs by
the current layer, `(N, C, features)`; its error grows with `m`, the magnitude that roundings are relative to. In
reverse mode every method forms δ itself, so m = |δ|. In any other order (forward mode) only the product of all
absolute values is safe: m is carried along as `|W|ᵀ m`, since a product of perturbed matrices A + Δ, in whatever
order it is formed, is within ∏(|A| + |Δ|) − ∏|A| of the unperturbed one.

A sum of k products underflows at most 2k times, once for each product and for each addition.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from jaccheck.oracle.activations import activation
from jaccheck.oracle.arithmetic import Arithmetic, Array
from jaccheck.oracle.network import Affine, Network


class Order(Enum):
    """In which order a method multiplies the factors of a Jacobian."""

    REVERSE = "reverse"
    ANY = "any"
    """Reverse or forward, or, where nothing underflows, any other order."""


@dataclass(frozen=True, slots=True)
class Forward:
    """What a forward pass leaves for the backward one."""

    inputs: tuple[tuple[Array, Array], ...]
    """For each step its input and how far that can be off."""
    slopes: tuple[tuple[Array, Array] | None, ...]
    """For each activation its slope and how far that can be off; None for an affine step."""
    peak: float
    """The largest magnitude that any partial sum can reach."""
    peak_tangent: float
    """The same for the tangents of forward mode, or more."""


@np.errstate(over="ignore", invalid="ignore")
def forward(net: Network, ar: Arithmetic, *, exact: bool = False) -> Forward:
    """All activations of `net` with their bounds; `exact` where a certificate says that nothing is rounded."""
    a, E, tangent = net.X, np.zeros_like(net.X), np.zeros_like(net.X)
    inputs: list[tuple[Array, Array]] = []
    slopes: list[tuple[Array, Array] | None] = []
    peak, peak_tangent = _largest(a), 1.0
    for layer in net.steps:
        inputs.append((a, E))
        if isinstance(layer, Affine):
            slopes.append(None)
            tangent = _affine_tangent(layer, np.abs(a) + E, tangent, ar)
            a, E, magnitude = _affine(layer, a, E, ar)
            peak = np.maximum(peak, _largest(magnitude + E))
        else:
            act = activation(layer, a, E, ar)
            slopes.append((act.slope, np.zeros_like(E) if exact else act.slope_error))
            tangent = tangent * (np.abs(act.slope) + act.slope_error)
            a, E = act.value, act.moved + act.rounding
            peak = np.maximum(peak, _largest(np.abs(a) + E))
        peak_tangent = np.maximum(peak_tangent, _largest(tangent))
        if exact:
            E = np.zeros_like(a)
    return Forward(tuple(inputs), tuple(slopes), float(peak), float(peak_tangent))


def _largest(values: Array) -> float:
    return float(np.max(values, initial=0.0))


def _affine(layer: Affine, a: Array, E: Array, ar: Arithmetic) -> tuple[Array, Array, Array]:
    """z, how far it can be off, and the sum of the absolute values of its terms."""
    W = np.abs(layer.W)
    k = W.shape[1]
    z, magnitude = a @ layer.W.T, (np.abs(a) + E) @ W.T
    if layer.b is not None:
        z, magnitude = z + layer.b, magnitude + np.abs(layer.b)
    # Where every term is exactly zero nothing underflows, and z is 0 in every evaluation, as at a kink that is meant.
    terms = (np.abs(a) + E > 0) @ (W > 0).T
    if layer.b is not None:
        terms = terms | (layer.b != 0)
    return z, E @ W.T + ar.gamma(k + 1) * magnitude + np.where(terms, 2 * k * ar.eta, 0.0), magnitude


def _affine_tangent(layer: Affine, size: Array, tangent: Array, ar: Arithmetic) -> Array:
    """How large the tangent of z by any one number in this layer or below can get."""
    k = layer.W.shape[1]
    own = np.maximum(np.max(size, axis=1, keepdims=True, initial=0.0), 1)
    above: Array = (1 + ar.gamma(k + 1)) * (tangent @ np.abs(layer.W).T + own) + 2 * k * ar.eta
    return above


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
    peak: float = 1.0

    def through_activation(self, slope: Array, slope_error: Array) -> None:
        """δ ∘ slope. At most three products are formed on the way; slopes themselves account for their own."""
        ar, steep, whole = self.ar, np.abs(slope) + slope_error, self.m + self.E
        self.E = steep * self.E + slope_error * self.m + ar.gamma(1) * steep * whole + 3 * ar.eta
        self.lost = self.lost + 3 * ar.eta * np.sum(whole, axis=2, keepdims=True)
        self._arrive(self.delta * slope, self.m * np.abs(slope), self.E)

    def through_affine(self, weight: Array) -> None:
        """δ W, a sum of as many products as there are outputs in reverse mode, and inputs in forward mode."""
        ar, W, whole = self.ar, np.abs(weight), self.m + self.E
        k = max(W.shape) if self.order is Order.ANY else W.shape[0]
        magnitude = whole @ W
        self.lost = self.lost + 2 * k * ar.eta * np.sum(whole, axis=2, keepdims=True)
        self.E = self.E @ W + ar.gamma(k) * magnitude + 2 * k * ar.eta
        self._arrive(self.delta @ weight, self.m @ W, magnitude + self.E)

    def _arrive(self, delta: Array, product: Array, reached: Array) -> None:
        self.delta = delta
        self.m = np.abs(delta) if self.order is Order.REVERSE else product
        self.peak = float(np.maximum(self.peak, _largest(np.maximum(reached, self.m + self.E))))

    def bias_bound(self) -> Array:
        """The bound of the Jacobian of the bias, which is δ."""
        return self.E + self.lost if self.order is Order.ANY else self.E

    def weight_bound(self, a: Array, Ea: Array) -> Array:
        """The bound of the Jacobian of the weight, which is δ ⊗ a."""
        m, E = self.m[..., None], self.E[..., None]
        off = Ea[:, None, None]
        size = np.abs(a)[:, None, None] + off
        bound: Array = m * off + E * size + self.ar.gamma(1) * (m + E) * size + self.ar.eta
        # In reverse mode what underflows in δ is scaled by a; in forward mode a is the first factor.
        return bound + self.lost[..., None] if self.order is Order.ANY else bound


@np.errstate(over="ignore", invalid="ignore")
def backward(
    net: Network, ahead: Forward, ar: Arithmetic, *, exact: bool = False, order: Order = Order.REVERSE
) -> ClosedForm:
    """The Jacobians from a forward pass, and their bounds; `exact` leaves the bounds at zero."""
    offsets = net.offsets()
    total = max((part.stop for part in offsets.values()), default=0)
    jacobian, bound = np.empty(total), np.zeros(total)
    seeds = net.seeds()
    state = _Backward(ar, order, seeds, seeds, np.zeros_like(seeds), np.zeros((net.N, net.C, 1)))
    downwards = zip(reversed(net.steps), reversed(ahead.inputs), reversed(ahead.slopes), strict=True)
    for layer, (a, Ea), slope in downwards:
        if slope is not None:
            state.through_activation(slope[0][:, None], slope[1][:, None])
            continue
        assert isinstance(layer, Affine)
        if (part := offsets.get(layer.bias)) is not None:
            jacobian[part] = state.delta.ravel()
            if not exact:
                bound[part] = state.bias_bound().ravel()
        if (part := offsets.get(layer.weight)) is not None:
            jacobian[part] = (state.delta[..., None] * a[:, None, None]).ravel()
            if not exact:
                bound[part] = state.weight_bound(a, Ea).ravel()
        if layer is net.steps[0]:
            break
        state.through_affine(layer.W)
    if exact:
        return ClosedForm(jacobian, bound)
    peaks = [ahead.peak, state.peak, _largest(np.abs(jacobian) + bound)]
    if order is Order.ANY:
        peaks.append(ahead.peak_tangent)
    fits = all(peak <= ar.largest for peak in peaks)
    return ClosedForm(jacobian, rounded_up(bound) if fits else np.full_like(bound, np.inf))


def rounded_up(bound: Array) -> Array:
    """The bound, enlarged by more than its own evaluation in float64 can round: at most 2²⁰ nonnegative terms."""
    return bound * (1 + 2.0**-30)


def scaled(form: ClosedForm, roundings: int, ar: Arithmetic) -> Array:
    """The bound for a result that was computed scaled by a constant, with that many extra roundings of each entry."""
    return form.bound + ar.gamma(roundings) * (np.abs(form.jacobian) + form.bound) + roundings * ar.eta
