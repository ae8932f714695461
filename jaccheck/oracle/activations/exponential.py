"""Rules of ELU and SELU."""

from __future__ import annotations

import numpy as np

from jaccheck.case import ELU, SELU
from jaccheck.oracle.activations.rule import Activation, Rule, constant, kink, rule
from jaccheck.oracle.assumptions import Arithmetic, Array

SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


@rule(ELU)
class ELURule(Rule):
    """z above zero, α·expm1(z) up to it."""

    def at(self, layer: ELU, z: Array, E: Array, ar: Arithmetic) -> Activation:
        return scaled_elu(1.0, layer.alpha, z, E, ar)

    def curvature(self, layer: ELU, z: Array, radius: Array) -> Array:
        """|α|·eᶻ, but at the kink."""
        return _curved(abs(layer.alpha), z, radius)


@rule(SELU)
class SELURule(Rule):
    """An ELU with a scale."""

    def at(self, layer: SELU, z: Array, E: Array, ar: Arithmetic) -> Activation:
        return scaled_elu(SELU_SCALE, SELU_ALPHA, z, E, ar)

    def curvature(self, layer: SELU, z: Array, radius: Array) -> Array:
        """scale·α·eᶻ, but at the kink."""
        return _curved(SELU_SCALE * SELU_ALPHA, z, radius)


def _curved(full: float, z: Array, radius: Array) -> Array:
    curved = np.where(z + radius <= 0, full * np.exp(np.minimum(z + radius, 0)), np.inf)
    return np.where(z - radius > 0, 0, curved)


def scaled_elu(scale: float, alpha: float, z: Array, E: Array, ar: Arithmetic) -> Activation:
    """scale·(z above zero, α·expm1(z) or α·(eᶻ − 1) up to it); slope scale, or scale·α·eᶻ."""
    above, touched = z + E > 0, z - E <= 0
    full = abs(scale * alpha)
    value = np.where(z > 0, scale * z, scale * alpha * np.expm1(np.minimum(z, 0)))
    slope = np.where(z > 0, scale, scale * alpha * np.exp(np.minimum(z, 0)))
    # Up to zero the slope is at most that of the upper end of the interval.
    curve = np.where(touched, full * np.exp(np.minimum(z + E, 0)), 0)
    moved = np.maximum(np.where(above, scale, 0), curve) * E
    # Roundings by constants: each of those that is no sign is rounded itself, and the products with it.
    upper, lower = (2, 4) if scale != 1 else (0, 0 if alpha in (0.0, 1.0, -1.0) else 2)
    lost = constant(alpha, ar) + (2 + full) * ar.eta
    # eᶻ − 1 is off by as much as eᶻ, expm1 by as much as itself; the magnitudes of both add up to 1.
    rounding_below = np.where(touched, full * ar.library(1, 1 + lower) + lost, 0)
    rounding_above = np.where(above & (upper > 0), ar.gamma(upper) * scale * (np.maximum(z, 0) + E) + ar.eta, 0)
    movement = curve * np.minimum(E, 1) + kink(z, E, abs(scale - scale * alpha))
    slope_below = np.where(touched, ar.library(1, lower) * curve + lost, 0)
    slope_above = np.where(above & (upper > 0), ar.gamma(1) * scale, 0)
    slope_error = movement + np.maximum(slope_below, slope_above)
    return Activation(value, moved, np.maximum(rounding_below, rounding_above), slope, slope_error)
