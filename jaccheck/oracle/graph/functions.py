"""Rules of functions of one number that are no layers, and of choices that were recorded."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jaccheck.oracle.activations.rule import Activation
from jaccheck.oracle.assumptions import Arithmetic, Array
from jaccheck.oracle.graph.graph import Node
from jaccheck.oracle.graph.rule import Flow, GraphRule, by_entries, graph_rule, rounded, through
from jaccheck.oracle.graph.uncertain import Uncertain, length
from jaccheck.oracle.steps import NoRule

Function = Callable[[Array, Array, Arithmetic, Any], Activation]
"""Value and slope at z ± E with their errors, as of an activation; the last argument are the node's options."""

_ERF = np.frompyfunc(math.erf, 1, 1)

FUNCTIONS: dict[str, Function] = {}


def function(name: str) -> Callable[[Function], Function]:
    """Enters a function under this name."""

    def enter(made: Function) -> Function:
        FUNCTIONS[name] = made
        return made

    return enter


@graph_rule("function")
class OfOneNumber(GraphRule):
    """A function of `FUNCTIONS`: value and slope with bounds by entries; in length by the steepest slope."""

    def forward(self, node: Node, x: Sequence[Uncertain], ar: Arithmetic) -> tuple[Uncertain, Any]:
        z = x[0]
        act = FUNCTIONS[node.options["of"]](z.v, z.E, ar, node.options)
        steep = np.abs(act.slope) + act.slope_error
        value = rounded(act.value, act.moved, float(np.max(steep, initial=0.0)) * z.r if z.r else 0.0, act.rounding)
        return value, Uncertain.of(act.slope, act.slope_error, length(act.slope_error))

    def backward(self, node: Node, saved: Any, flow: Flow, ar: Arithmetic, often: Sequence[int]) -> Sequence[Flow]:
        return [through(by_entries(saved, 2), flow, ar)]


@function("exp")
def exp(z: Array, E: Array, ar: Arithmetic, options: Any) -> Activation:
    """eᶻ moves by eᶻ·expm1(E); its slope is what was computed."""
    value = np.exp(z)
    moved = value * np.expm1(E)
    own = ar.library() * (value + moved) + ar.eta
    own = np.where(np.isneginf(z), 0.0, own)
    return Activation(value, moved, own, value, moved + own)


@function("log")
def log(z: Array, E: Array, ar: Arithmetic, options: Any) -> Activation:
    """log z moves by −log(1 − E/z); slope 1/z."""
    least = z - E
    value = np.log(z)
    moved = np.where(least > 0, -np.log1p(-E / z), np.inf)
    slope_moved = np.where(least > 0, E / (z * least), np.inf)
    own = ar.library() * (np.abs(value) + moved) + ar.eta
    return Activation(value, moved, own, 1 / z, slope_moved + ar.gamma(1) * (1 / z + slope_moved) + ar.eta)


@function("power")
def power(z: Array, E: Array, ar: Arithmetic, options: Any) -> Activation:
    """zᵖ by products, a root, a quotient or the library: library(1, 2) of itself, its slope p·zᵖ⁻¹ library(1, 4).

    |(z + d)ᵖ − zᵖ| ≤ |p|·sup|z|ᵖ⁻¹·E, where the largest |z|ᵖ⁻¹ is at one end of z ± E. For p that is no whole number,
    or less than 0, all of z ± E must be above 0.
    """
    p = float(options["exponent"])
    is_whole = p == int(p)
    value, slope = np.power(z, p), p * np.power(z, p - 1)
    far, near = np.abs(z) + E, np.abs(z) - E
    open_ = near > 0 if is_whole else z - E > 0
    inside = open_ if p < 0 or not is_whole else np.ones_like(open_)

    def sup(exponent: float) -> Array:
        if exponent >= 0:
            return np.asarray(np.power(far, exponent))
        return np.where(near > 0, np.power(np.where(near > 0, near, 1.0), exponent), np.inf)

    moved = np.where(inside | (E == 0), abs(p) * sup(p - 1) * E if p != 0 else 0.0, np.inf)
    moved = np.where(E == 0, 0.0, moved)
    bent = (
        np.where(E == 0, 0.0, np.where(inside, abs(p * (p - 1)) * sup(p - 2) * E, np.inf)) if p not in (0, 1) else 0 * E
    )
    own = ar.library(1, 2) * (np.abs(value) + moved) + np.where(far > 0, 4 * ar.eta, 0.0)
    slope_own = ar.library(1, 4) * (np.abs(slope) + bent) + np.where(far > 0, 4 * ar.eta * (1 + abs(p)), 0.0)
    return Activation(value, moved, own, slope, bent + slope_own)


@function("rsqrt")
def rsqrt(z: Array, E: Array, ar: Arithmetic, options: Any) -> Activation:
    """1/√z, as a power is; its slope −½·z^(−3/2) as ½ times the cube of what was computed: three times as far off."""
    act = power(z, E, ar, {"exponent": -0.5})
    least = np.where(z - E > 0, z - E, 0.0)
    own = ar.library(3, 10) * np.power(least, -1.5)
    return act._replace(slope_error=act.slope_error + own)


@function("abs")
def absolute(z: Array, E: Array, ar: Arithmetic, options: Any) -> Activation:
    """|z|, with slope ±1, and 0 at 0; at a kink either."""
    jump = np.where((np.abs(z) <= E) & (E > 0), 2.0, 0.0)
    return Activation(np.abs(z), E, np.zeros_like(z), np.sign(z), jump)


@function("sin")
def sin(z: Array, E: Array, ar: Arithmetic, options: Any) -> Activation:
    """sin z and cos z: each moves by E at most, and is off by library(1) of one."""
    own = np.where((z == 0) & (E == 0), 0.0, ar.library() + ar.eta)
    moved = np.minimum(E, 2)
    return Activation(np.sin(z), moved, own, np.cos(z), moved + ar.library() + ar.eta)


@function("cos")
def cos(z: Array, E: Array, ar: Arithmetic, options: Any) -> Activation:
    """cos z and −sin z, as sin."""
    own, moved = np.full_like(z, ar.library() + ar.eta), np.minimum(E, 2)
    return Activation(np.cos(z), moved, own, -np.sin(z), moved + own)


@function("erf")
def erf(z: Array, E: Array, ar: Arithmetic, options: Any) -> Activation:
    """erf z, off by library(1) of one; slope 2/√π·e^(−z²) ≤ 1.13, whose own derivative is at most 0.97."""
    value = np.asarray(_ERF(z), dtype=np.float64)
    slope = 2 / np.sqrt(np.pi) * np.exp(-np.square(np.clip(z, -100, 100)))
    moved = np.minimum(1.13 * E, 2)
    bent = np.minimum(0.97 * E, 1.13)
    # The exponent is rounded twice: z²e^(−z²) ≤ 0.37.
    own = ar.library(1, 4) * (slope + bent) + 0.5 * ar.gamma(2) / (1 - ar.gamma(2)) + 4 * ar.eta
    return Activation(value, moved, np.full_like(z, ar.library() + ar.eta), slope, bent + own)


@function("log1p")
def log1p(z: Array, E: Array, ar: Arithmetic, options: Any) -> Activation:
    """log(1 + z) moves by −log(1 − E/(1 + z)); slope 1/(1 + z), with two roundings."""
    above = 1 + z
    least = above - E
    value = np.log1p(z)
    moved = np.where(least > 0, -np.log1p(-E / above), np.inf)
    slope_moved = np.where(least > 0, E / (above * least), np.inf)
    own = ar.library() * (np.abs(value) + moved) + ar.eta
    return Activation(value, moved, own, 1 / above, slope_moved + ar.gamma(2) * (1 / above + slope_moved) + ar.eta)


@function("clamp")
def clamp(z: Array, E: Array, ar: Arithmetic, options: Any) -> Activation:
    """z cut off at `low` and `high`, or at one of them; slope 1 between them and at either, 0 beyond."""
    low, high = float(options["low"]), float(options["high"])
    value, slope = np.clip(z, low, high), np.where((z >= low) & (z <= high), 1.0, 0.0)
    moved = np.where((low - z <= E) & (z - high <= E), E, 0.0)
    rounding, jumps = np.zeros_like(z), np.zeros_like(z)
    for end in (low, high):
        if not np.isfinite(end):
            continue
        lost = 0.0 if ar.keeps(end) else ar.gamma(1) * abs(end) + ar.eta
        beyond = z - E <= end + lost if end == low else z + E >= end - lost
        rounding = np.maximum(rounding, np.where(beyond, lost, 0))
        jumps = np.maximum(jumps, np.where((np.abs(z - end) <= E + lost) & (E + lost > 0), 1.0, 0.0))
    return Activation(value, moved, rounding, slope, jumps)


@graph_rule("decided")
class Decided(GraphRule):
    """A comparison of x and y, or x cut off to a whole number, as recorded: refused where rounding could turn it."""

    def forward(self, node: Node, x: Sequence[Uncertain], ar: Arithmetic) -> tuple[Uncertain, Any]:
        if len(x) == 1:
            low, high = (np.trunc(x[0].v + sign * x[0].E) for sign in (-1, 1))
            if not bool(np.all(low == high)):
                raise NoRule(f"{node.name}: a whole number that rounding may turn")
            return Uncertain(np.zeros(()), np.zeros(()), 0.0), None
        a, b = x
        moves = a.E + b.E
        if bool(np.any((moves > 0) & ~(np.abs(a.v - b.v) > moves))):
            raise NoRule(f"{node.name}: a comparison that rounding may turn")
        return Uncertain(np.zeros(()), np.zeros(()), 0.0), None
