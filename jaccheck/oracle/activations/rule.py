"""`Rule`: what the oracle knows of one activation; and the registry by which every part of the oracle finds it.

A rule names in its docstring the formulas that it allows for, with the roundings in them; the one by which the
reference itself evaluates is among them. Where a slope jumps (a kink) and z ± E reaches it, the slope is only known to
lie between both sides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from jaccheck.oracle.assumptions import Arithmetic, Array

R = TypeVar("R", bound="type[Rule]")


class Activation(NamedTuple):
    """Value and slope with their absolute error bounds, each of z's shape."""

    value: Array
    moved: Array
    """How far the value moves while z moves by up to E."""
    rounding: Array
    """How far an evaluation anywhere on that interval is off by its own roundings."""
    slope: Array
    slope_error: Array
    """How far the slope moves, and its evaluation is off by its own roundings, together."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """A piecewise linear activation: each value is a constant, or z times a factor."""

    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    """With the slope of autograd at a kink."""
    factors: tuple[float, ...] = ()
    constants: tuple[float, ...] = ()


class Rule:
    """The rule of a kind of activation φ. `layer` is one with its options."""

    def at(self, layer: Any, z: Array, E: Array, ar: Arithmetic) -> Activation:
        """φ(z) and φ′(z), and how far either can be off when z is off by up to E."""
        raise NotImplementedError

    def curvature(self, layer: Any, z: Array, radius: Array) -> Array:
        """A bound for |φ″| and |φ‴| on z ± radius; infinite where a kink may lie there, or none is known."""
        return np.full(np.broadcast_shapes(z.shape, radius.shape), np.inf)

    def is_broken(self, layer: Any, z: Array, radius: Array) -> npt.NDArray[np.bool_]:
        """Where φ itself jumps on z ± radius, so that no quotient of differences is near a slope."""
        return np.zeros(np.broadcast_shapes(z.shape, radius.shape), bool)

    def pieces(self, layer: Any) -> Pieces | None:
        """Its pieces, where it is piecewise linear; among small integers nothing is rounded then."""
        return None


RULES: dict[type, Rule] = {}
"""The rule of each kind of activation."""


def rule(*kinds: type) -> Callable[[R], R]:
    """Enters a rule for these kinds."""

    def enter(cls: R) -> R:
        RULES.update(dict.fromkeys(kinds, cls()))
        return cls

    return enter


def activation(layer: Any, z: Array, E: Array, ar: Arithmetic) -> Activation:
    """Value and slope of `layer` at z ± E. Raises KeyError for a layer without a rule."""
    with np.errstate(over="ignore", invalid="ignore"):
        return RULES[type(layer)].at(layer, z, E, ar)


def kink(z: Array, E: Array, jump: float) -> Array:
    """The jump of the slope at 0 where z ± E reaches over it, and 0 elsewhere."""
    return np.where((np.abs(z) <= E) & (E > 0), jump, 0.0)


def bell(distance: Array) -> Array:
    """The slope of the sigmoid at that distance from 0, e⁻ᵈ/(1 + e⁻ᵈ)², which falls with distance."""
    t = np.exp(-distance)
    return np.asarray(t / np.square(1 + t))


def sigmoid_at(z: Array) -> Array:
    """1/(1 + e⁻ᶻ)."""
    t = np.exp(-np.abs(z))
    return np.asarray(np.where(z >= 0, 1, t) / (1 + t))


def nearest(z: Array, E: Array) -> Array:
    """The smallest |z'| for z' in z ± E."""
    return np.maximum(np.abs(z) - E, 0)


def constant(value: float, ar: Arithmetic) -> float:
    """How far a constant that rounds to 0 in the dtype is off; infinite where it overflows."""
    return np.inf if abs(value) > ar.largest else ar.eta if abs(value) < ar.eta else 0.0


def of_argument(steepest: float, relative: float) -> float:
    """How far f moves where its argument t is off by so much of itself, if |t·f′(t)| ≤ `steepest`."""
    return steepest * relative / (1 - relative) if relative < 1 else np.inf
