"""The bound for central differences, (f(θ + h eᵢ) − f(θ − h eᵢ)) / 2h, each with only its own number moved.

Moving one number of a layer moves one unit of its output: while the weight W[r, j] moves by t, z[r] moves by
s = t·a[j]; with its bias it moves by s = t. So with g(s) = f(z + s eᵣ) the exact quotient is a[j] times the mean of g′
between −S and S, S = h·|a[j]|, and the derivative is a[j]·g′(0). Two bounds for the difference hold:

- `hull`: g is continuous with a derivative almost everywhere, kinks or not, so the mean of g′ lies in the hull of its
  values. They are products of the slopes that occur while z moves, and the difference of two products is bounded
  factor by factor: each slope by as much as it can change on the way, with its jump where a kink is reached.
- `smooth`: where no kink is reached g is three times differentiable, and by Taylor's theorem the mean is g′(0) up to
  S²/6·sup|g‴|, and |g″|/2 times the difference of both moves where θ + h and θ − h round differently. g′, g″ and g‴
  are bounded layer by layer with the chain rule for higher derivatives (Faà di Bruno). Through piecewise linear
  layers both terms are 0.

To the smaller of both comes the rounding of f at the moved parameters, divided by h, and that of the quotient.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from jaccheck.oracle.activations import RULES, Activation, activation
from jaccheck.oracle.assumptions import Arithmetic, Array
from jaccheck.oracle.bounds import backward, rounded_up
from jaccheck.oracle.networks import Affine, Curve, Network
from jaccheck.oracle.propagation import Forward, forward


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def difference_bound(net: Network, ar: Arithmetic, step: float) -> Array:
    """How far central differences with this step can be from the closed form, flat like it; infinite where unknown."""
    if not net.is_chain:
        # Written out for chains of Linear and activations only.
        return np.full(net.layout.entries, np.inf)
    ahead = forward(net, ar)
    form = backward(net, ahead, ar)
    own = backward(net, forward(net, ar, exact=True), ar).bound
    reach = [np.zeros_like(a) for a, _ in ahead.inputs]
    bound, usable = np.empty_like(own), np.empty_like(own)
    for index, numbers in _parameters(net, ahead):
        part = net.offsets()[numbers.name]
        moves = _Moves(step, ar.gamma(1) * (np.abs(numbers.θ) + step))
        change = _change_of_output(net, ahead, ar, index, moves.furthest * numbers.size, reach)
        shape = (net.N, net.C, *np.broadcast_shapes(numbers.θ.shape, numbers.size.shape[1:]))
        smooth = change.smooth(numbers, moves) + form.bound[part].reshape(shape)
        hull = change.hull(numbers) + own[part].reshape(shape)
        bound[part] = np.fmin(smooth, hull).ravel()
        usable[part] = np.broadcast_to(np.maximum(moves.nearest, 0), shape).ravel()
    rounding, peak = _rounding(net, ahead, ar, step, reach)
    bound += (_by_output(net, rounding) + 2 * ar.eta) / usable
    bound += ar.gamma(3) * (np.abs(form.jacobian) + bound) + ar.eta
    fits = max(peak, ahead.peak) <= ar.largest and not np.isnan(bound).any()
    return rounded_up(bound) if fits else np.full_like(bound, np.inf)


class _Numbers(NamedTuple):
    """One parameter as a matrix `(units, k)`, and by how much a move of each number moves its unit, `(N, 1, k)`."""

    name: str
    θ: Array
    a: Array
    Ea: Array

    @property
    def size(self) -> Array:
        return np.abs(self.a) + self.Ea


def _parameters(net: Network, ahead: Forward) -> Iterator[tuple[int, _Numbers]]:
    """Every trainable parameter with the position of its layer."""
    for index, (layer, (a, Ea)) in enumerate(zip(net.chain, ahead.inputs, strict=True)):
        if not isinstance(layer, Affine):
            continue
        if (name := layer.weight) in net.trainable:
            yield index, _Numbers(name, layer.W, a[:, None], Ea[:, None])
        if (name := layer.bias) in net.trainable and layer.b is not None:
            one = np.ones((net.N, 1, 1))
            yield index, _Numbers(name, layer.b[:, None], one, 0 * one)


@dataclass(frozen=True, slots=True)
class _Moves:
    """How far θ ± h is from θ once it is rounded, h at most `off` more or less."""

    step: float
    off: Array

    @property
    def furthest(self) -> Array:
        return self.step + self.off

    @property
    def nearest(self) -> Array:
        return self.step - self.off


@dataclass(frozen=True, slots=True)
class _Change:
    """Bounds for g′, for how far it changes, and for g″ and g‴ while one unit moves, each `(N, units, features)`."""

    first: Array
    slopes: Array
    """The product of the absolute values of the reference's own slopes and weights."""
    changed: Array
    second: Array
    third: Array

    def through_affine(self, W: Array) -> _Change:
        """All of them multiplied by |W|."""
        return _Change(self.first @ W, self.slopes @ W, self.changed @ W, self.second @ W, self.third @ W)

    def through_activation(self, slope: Array, slope_error: Array, curvature: Array) -> _Change:
        """The chain rule up to the third derivative; a unit that does not move has none."""
        steep = np.abs(slope) + slope_error
        curvature = np.where(self.first > 0, curvature, 0)
        return _Change(
            first=steep * self.first,
            slopes=np.abs(slope) * self.slopes,
            changed=steep * self.changed + slope_error * self.slopes,
            second=curvature * self.first**2 + steep * self.second,
            third=curvature * (self.first**3 + 3 * self.first * self.second) + steep * self.third,
        )

    def smooth(self, numbers: _Numbers, moves: _Moves) -> Array:
        """How far quotients can be from the derivatives, `(N, C, units, k)`; infinite where a kink may be reached."""
        size = numbers.size[:, None]
        uneven = moves.off * _by_unit(self.second) * size
        truncated = np.square(moves.furthest * size) / 6 * _by_unit(self.third)
        return np.where(size > 0, size * (truncated + uneven), 0)

    def hull(self, numbers: _Numbers) -> Array:
        """The same from the changes of slopes alone, kinks or not, for the product of the reference's own slopes."""
        return _by_unit(self.changed) * numbers.size[:, None] + _by_unit(self.slopes) * numbers.Ea[:, None]


def _by_unit(value: Array) -> Array:
    return value.transpose(0, 2, 1)[..., None]


def _change_of_output(
    net: Network, ahead: Forward, ar: Arithmetic, index: int, moved: Array, reach: list[Array]
) -> _Change:
    """How f changes while any one unit behind layer `index` is `moved` `(N, units, k)`; `reach` is kept up to date."""
    S = np.max(moved, axis=2, initial=0.0)[..., None]
    units = np.broadcast_to(np.eye(moved.shape[1]), (net.N, moved.shape[1], moved.shape[1]))
    none = np.zeros_like(units)
    change = _Change(units, units, none, none, none)
    for i in range(index + 1, len(net.chain)):
        layer, (z, E) = net.chain[i], ahead.inputs[i]
        distance = S * change.first
        reach[i] = np.maximum(reach[i], np.max(distance, axis=1, initial=0.0))
        if isinstance(layer, Affine):
            change = change.through_affine(np.abs(layer.W).T)
        else:
            z, radius = np.broadcast_to(z[:, None], distance.shape), distance + E[:, None]
            act, off = _within(layer, z, radius, ar)
            change = change.through_activation(act.slope, off, _curvature(layer, z, radius))
    return change


def _curvature(layer: Curve, z: Array, radius: Array) -> Array:
    """A bound for both the second and the third derivative on z ± radius; infinite where a kink may lie there."""
    return RULES[type(layer)].curvature(layer, z, radius)


def _within(layer: Curve, z: Array, radius: Array, ar: Arithmetic) -> tuple[Activation, Array]:
    """Value and slope on z ± radius, and how far the slope can be off; infinite where the value itself jumps."""
    act = activation(layer, z, radius, ar)
    return act, np.where(RULES[type(layer)].is_broken(layer, z, radius), np.inf, act.slope_error)


def _rounding(net: Network, ahead: Forward, ar: Arithmetic, step: float, reach: list[Array]) -> tuple[Array, float]:
    """How far the computed f can be off at any moved parameters, by rounding alone; and the largest partial sum."""
    R, peak = np.zeros_like(net.X), 0.0
    for layer, (x, E), distance in zip(net.chain, ahead.inputs, reach, strict=True):
        if isinstance(layer, Affine):
            W, b = np.abs(layer.W), 0.0 if layer.b is None else np.abs(layer.b)
            size = np.abs(x) + E + distance + R
            k = W.shape[1]
            # One number is moved by at most this, be it in the weight or in the bias.
            furthest = step + ar.gamma(1) * (step + max(np.max(W, initial=0.0), np.max(b, initial=0.0)))
            magnitude = size @ W.T + b + furthest * np.maximum(np.max(size, axis=1, keepdims=True, initial=0.0), 1)
            R = (
                R @ W.T
                + furthest * np.max(R, axis=1, keepdims=True, initial=0.0)
                + ar.gamma(k + 1) * magnitude
                + 2 * k * ar.eta
            )
            peak = float(np.maximum(peak, np.max(magnitude + R, initial=0.0)))
        else:
            act, off = _within(layer, x, E + distance + R, ar)
            R = R * (np.abs(act.slope) + off) + act.rounding
    return R, peak


def _by_output(net: Network, value: Array) -> Array:
    """A number for each sample and output, repeated for every entry of every parameter."""
    parts = [np.repeat(value.ravel(), int(np.prod(shape))) for shape in net.trainable.values()]
    return np.concatenate(parts) if parts else np.zeros(0)
