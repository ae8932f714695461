"""The Jacobian in closed form, in float64, and beside each entry a proven bound on the error of any other evaluation.

Forward: beside each quantity an absolute error bound is carried. Backward: `δ` is the derivative of the outputs by
the current layer, `(N, C, features)`; its error grows with `m`, the magnitude that roundings are relative to. In
reverse mode every method forms δ itself, so m = |δ|. In any other order (forward mode) only the product of all
absolute values is safe: m is carried along as `|W|ᵀ m`.

`step` makes the bound hold for a difference quotient with that step as well: by the mean value theorem it lies among
the derivatives at parameters moved by at most `step`.
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


@dataclass(frozen=True, slots=True)
class Forward:
    """What a forward pass leaves for the backward one."""

    kept: tuple[tuple[Array, Array], ...]
    """For each step a value and its error: the input of an affine step, the slope of an activation."""
    output_rounding: Array
    """How far the computed output is off anywhere within `step`, by rounding alone."""
    overflows: bool
    """Whether an intermediate may leave the range of the dtype."""


def forward(net: Network, ar: Arithmetic, *, exact: bool = False, step: float = 0.0) -> Forward:
    """All activations of `net` with their bounds; `exact` where a certificate says that nothing is rounded."""
    a = net.X
    E = R = np.zeros_like(a)
    kept = []
    largest = float(np.max(np.abs(a), initial=0.0))
    for layer in net.steps:
        if isinstance(layer, Affine):
            kept.append((a, E))
            a, E, R = _affine(layer, a, E, R, ar, step)
        else:
            act = activation(layer, a, E, ar)
            kept.append((act.slope, np.zeros_like(E) if exact else act.slope_error))
            R = R * (np.abs(act.slope) + act.slope_error) + act.rounding
            a, E = act.value, act.moved + act.rounding
        if exact:
            E = R = np.zeros_like(a)
        largest = max(largest, float(np.max(np.abs(a) + E, initial=0.0)))
    return Forward(tuple(kept), R, not largest <= ar.largest)


def _affine(layer: Affine, a: Array, E: Array, R: Array, ar: Arithmetic, step: float) -> tuple[Array, Array, Array]:
    """z, its whole error, and the part of it that is rounding."""
    W = np.abs(layer.W)
    k = W.shape[1]
    z = a @ layer.W.T
    magnitude = (np.abs(a) + E) @ W.T
    if layer.b is not None:
        z = z + layer.b
        magnitude = magnitude + np.abs(layer.b)
    moved = step * (np.sum(np.abs(a) + E, axis=1, keepdims=True) + 1) if step else 0.0
    rounding = ar.gamma(k + 1) * (magnitude + moved) + (k + 1) * ar.eta
    whole = E @ W.T + moved + rounding
    return z, whole, R @ W.T + step * np.sum(R, axis=1, keepdims=True) + rounding if step else whole


@dataclass(frozen=True, slots=True)
class ClosedForm:
    """All Jacobians as one flat vector, parameter after parameter, each `(N, C, *θ.shape)` in C order, and its bound."""

    jacobian: Array
    bound: Array


def backward(
    net: Network,
    ahead: Forward,
    ar: Arithmetic,
    *,
    exact: bool = False,
    order: Order = Order.REVERSE,
    step: float = 0.0,
) -> ClosedForm:
    """The Jacobians from a forward pass, and their bounds; `exact` leaves the bounds at zero."""
    offsets = net.offsets()
    total = max((part.stop for part in offsets.values()), default=0)
    jacobian, bound = np.empty(total), np.zeros(total)
    delta = np.broadcast_to(np.eye(net.C), (net.N, net.C, net.C))
    m, E = delta, np.zeros_like(delta)
    # What underflow in the layers above can add to any entry in forward mode, per sample and output.
    lost = np.zeros((net.N, net.C, 1))
    for layer, (a, Ea) in zip(reversed(net.steps), reversed(ahead.kept), strict=True):
        if not isinstance(layer, Affine):
            slope, slope_error = a[:, None], Ea[:, None]
            if not exact:
                steep = np.abs(slope) + slope_error
                E = steep * E + slope_error * m + ar.gamma(1) * steep * (m + E) + 3 * ar.eta
                lost = lost + 3 * ar.eta * np.sum(m, axis=2, keepdims=True)
            delta = delta * slope
            m = np.abs(delta) if order is Order.REVERSE else m * np.abs(slope)
            continue
        W = np.abs(layer.W)
        if (part := offsets.get(f"{layer.path}.bias")) is not None:
            jacobian[part] = delta.ravel()
            if not exact:
                bound[part] = (E + lost if order is Order.ANY else E).ravel()
        if (part := offsets.get(f"{layer.path}.weight")) is not None:
            jacobian[part] = (delta[..., None] * a[:, None, None]).ravel()
            if not exact:
                size = np.abs(a)[:, None, None]
                off = Ea[:, None, None]
                product = m[..., None] * off + E[..., None] * (size + off)
                product += ar.gamma(1) * (m + E)[..., None] * (size + off) + ar.eta
                bound[part] = (product + lost[..., None] * (size + off) if order is Order.ANY else product).ravel()
        if layer is net.steps[0]:
            break
        if not exact:
            k = max(W.shape) if order is Order.ANY else W.shape[0]
            whole = m + E
            moved = step * np.sum(whole, axis=2, keepdims=True) if step else 0.0
            E = E @ W + moved + ar.gamma(k) * (whole @ W + moved) + k * ar.eta
            lost = lost + (k + 1) * ar.eta * np.sum(m, axis=2, keepdims=True)
        delta = delta @ layer.W
        m = np.abs(delta) if order is Order.REVERSE else m @ W
    return ClosedForm(jacobian, _rounded_up(bound, jacobian, ahead, ar))


def _rounded_up(bound: Array, jacobian: Array, ahead: Forward, ar: Arithmetic) -> Array:
    """The bound, enlarged by more than its own evaluation in float64 can round; infinite where anything may overflow."""
    largest = float(np.max(np.abs(jacobian) + bound, initial=0.0))
    if ahead.overflows or not largest <= ar.largest:
        return np.full_like(bound, np.inf)
    return bound * (1 + 2.0**-30)


def scaled(form: ClosedForm, roundings: int, ar: Arithmetic) -> Array:
    """The bound for a result that was computed scaled by a constant, with that many extra roundings of each entry."""
    return form.bound + ar.gamma(roundings) * (np.abs(form.jacobian) + form.bound) + roundings * ar.eta
