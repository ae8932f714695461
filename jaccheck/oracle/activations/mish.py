"""The rule of Mish, z·tanh(log1p(eᶻ))."""

from __future__ import annotations

import numpy as np

from jaccheck.case import activations as layers
from jaccheck.oracle.activations.gated import Gate, gated
from jaccheck.oracle.activations.rule import Activation, Rule, nearest, rule, sigmoid_at
from jaccheck.oracle.assumptions import Arithmetic, Array

GATE = Gate(steepest=1.1, turned=0.34)
"""Above |φ′| = 1.0885 and |T′| = 0.3219 anywhere; a test proves them, and those below, by ball arithmetic."""
BENT, CURVED = 0.28, 0.67
"""Above |zT′| = 0.2640 and |φ″| = 0.6443."""


@rule(layers.Mish)
class MishRule(Rule):
    """z·T with T = tanh(s), s = log1p(eᶻ); slope T + zσ(z)(1 − T²).

    The reference takes T and 1 − T² from q = e⁻|ᶻ|:
    T = (1 + 2q)/(1 + 2q + 2q²) above zero and q(q + 2)/(q(q + 2) + 2) below, 1 − T² the square of
    2q(1 + q)/(1 + 2q + 2q²) above and of 2(1 + q)/(2 + 2q + q²) below: sums of positive terms.

    - eᶻ, log1p and tanh each pass on at most the relative error that they get, and add their own: T is off by
      library(3) of itself. More closely, since s·tanh′(s) ≤ 0.46, it is off by library(1)·T + 0.46·library(2).
    - 1 − T² cancels, so its error is absolute, 2T times that of T and γ₂; it is multiplied by zσ.
    - Where eᶻ overflows T comes out as 1, as it should; where it underflows T is less than 2η.
    - T′ = σ(1 − T²) is at most e⁻|ᶻ| below zero and 4e⁻²ᶻ above, and |T″| at most 2T′: |φ″| = |2T′ + zT″| is at most
      2(1 + |z|)·max(e⁻|ᶻ|, 4e⁻²|ᶻ|), which falls.
    """

    def at(self, layer: layers.Mish, z: Array, E: Array, ar: Arithmetic) -> Activation:
        q = np.exp(-np.abs(z))
        above, below = 1 + 2 * q + 2 * q**2, 2 + 2 * q + q**2
        T = np.where(z > 0, (1 + 2 * q) / above, q * (q + 2) / below)
        turn = sigmoid_at(z) * np.square(np.where(z > 0, 2 * q * (1 + q) / above, 2 * (1 + q) / below))
        far, risen = np.abs(z) + E, np.minimum(1, T + GATE.turned * E)
        off = np.minimum(ar.library(3) * risen, ar.library(1) * risen + 0.46 * ar.library(2)) + 2 * ar.eta
        cancelled = off * (2 * risen + off) + ar.gamma(2) * np.square(1 + off)
        own = far * sigmoid_at(z + E) * cancelled
        # |zT′| moves by at most |φ″ − T′|.
        largest = np.minimum(BENT, np.abs(z * turn) + (CURVED + GATE.turned) * E)
        own = own + ar.library(1, 6) * (largest + own) + 4 * ar.eta * (1 + far)
        distance = nearest(z, E)
        falling = 2 * (1 + distance) * np.maximum(np.exp(-distance), 4 * np.exp(-2 * distance))
        return gated(z, E, T, T + z * turn, np.fmin(CURVED, falling), off, own, ar, GATE)
