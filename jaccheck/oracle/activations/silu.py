"""The rule of SiLU, z·σ(z)."""

from __future__ import annotations

import numpy as np

from jaccheck.case import activations as layers
from jaccheck.oracle.activations.gated import Gate, gated
from jaccheck.oracle.activations.rule import Activation, Rule, bell, nearest, rule, sigmoid_at
from jaccheck.oracle.assumptions import Arithmetic, Array

GATE = Gate(steepest=1.11, turned=0.25)
"""Above |φ′| = 1.0998 and |σ′| anywhere; a test proves them, and those below, by ball arithmetic."""
BENT, CURVED = 0.23, 0.5
"""Above |zσ′| and |φ″|."""


@rule(layers.SiLU)
class SiLURule(Rule):
    """z·σ(z) or z/(1 + e⁻ᶻ); slope σ(1 + z(1 − σ)), or σ + zσ(1 − σ), or σ + zσ′ with σ′ from e⁻|ᶻ|.

    - σ is off by library(1, 2) of itself, and more closely by σ((1 − σ)·library(1) + γ₂), since an error of e⁻ᶻ enters
      by 1 − σ. So 1 − σ, which cancels, is off by that absolutely; it is multiplied by zσ, and rounded three times.
    - Where e⁻ᶻ overflows, σ comes out as 0; it is less than η then.
    - φ″ = σ′(2 − z·tanh(z/2)) and φ‴ = 3σ″ + zσ‴ are at most σ′(z)(3 + |z|), which falls from |z| = 1 on, and 1/2.
    """

    def at(self, layer: layers.SiLU, z: Array, E: Array, ar: Arithmetic) -> Activation:
        σ, bent = sigmoid_at(z), z * bell(np.abs(z))
        far, risen = np.abs(z) + E, np.minimum(1, σ + GATE.turned * E)
        cancelled = (ar.library(1) * bell(nearest(z, E)) + ar.gamma(2) * risen) * (1 + ar.library(1, 2)) + ar.eta
        # |zσ′| moves by at most |φ″ − σ′| ≤ 0.75.
        largest = np.minimum(BENT, np.abs(bent) + (CURVED + GATE.turned) * E)
        own = far * risen * cancelled + ar.library(1, 6) * largest + ar.gamma(3) * risen
        own = own * (1 + ar.library(1, 6)) + 3 * ar.eta * (1 + far)
        off = ar.library(1, 2) * risen
        return gated(z, E, σ, σ + bent, self.curvature(layer, z, E), off, own, ar, GATE)

    def curvature(self, layer: layers.SiLU, z: Array, radius: Array) -> Array:
        distance = nearest(z, radius)
        return np.where(distance < 1, CURVED, np.minimum(CURVED, bell(distance) * (3 + np.minimum(distance, 1e3))))
