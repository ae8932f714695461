"""`LossEnd`: each sample's own loss as the end of a network, its derivative by the outputs f, and a bound for that.

With q the targets as they enter (weights, smoothing and ignored targets in them), K outputs, and E the error of f:

- MSE: δ = 2(f − y). A difference rounds relative to itself, so δ is off by 2E and by roundings of |δ|.
- NLL: δ = −q, of which nothing but the products in q rounds.
- Cross-entropy: δ = (Σq)·p − q with p the softmax of f. It cancels, so roundings are relative to (Σq)·p + q. A move
  of f by E changes p by a factor between e^(−2 max E) and e^(2 max E); ρ is the rounding of p.
- BCE with logits: δ = v·σ(f) − w·y with v = 1 − y + w·y, or (1 − y) − v·σ(−f), whichever is computed; so roundings are
  relative to 2v, that of σ among them. σ moves by at most its slope times E.

In forward mode the tangents of f are added up with the same factors, without cancelling: there the magnitudes just
named stand in the place of |δ|. The values of the loss itself are in no derivative; only their sum may not overflow.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import expm1, inf

import numpy as np

from jaccheck.case import CaseLoss
from jaccheck.oracle.activations.rule import bell, nearest, sigmoid_at
from jaccheck.oracle.assumptions import Arithmetic, Array

ROUNDINGS = 12
"""Of products with weights, factors of smoothing and the reduction's, for one number of δ, with some to spare."""


@dataclass(frozen=True, slots=True, eq=False)
class LossEnd:
    """A loss with its targets, as rounded to the dtype, and its weights if there are any."""

    loss: CaseLoss
    y: Array
    """`(N,)` classes, or `(N, width)` numbers."""
    weight: Array | None

    def wanted(self, width: int) -> Array:
        """q, `(N, width)`: what is put before minus the logarithms of p; before outputs themselves, in NLL."""
        loss, w = self.loss, np.ones(width) if self.weight is None else self.weight
        if loss.has_shares:
            return np.asarray(w * (self.y * (1 - loss.label_smoothing) + loss.label_smoothing / width))
        counted = self.y != loss.ignore_index
        chosen = np.eye(width)[np.where(counted, self.y, 0).astype(np.int64)]
        smooth = w * (chosen * (1 - loss.label_smoothing) + loss.label_smoothing / width)
        return np.asarray(np.where(counted[:, None], smooth, 0.0))

    def derivative(self, f: Array, E: Array, ar: Arithmetic) -> tuple[Array, Array, Array]:
        """δ by the outputs f ± E, `(N, width)`; the magnitude that roundings are relative to; how far δ can be off."""
        width = f.shape[1]
        match self.loss.kind:
            case "MSELoss":
                δ, moved, roundings = 2 * (f - self.y), 2 * E, ROUNDINGS
                m = np.abs(δ)
            case "NLLLoss":
                q = self.wanted(width)
                δ, m, moved, roundings = -q, q, np.zeros_like(q), ROUNDINGS
            case "CrossEntropyLoss":
                q = self.wanted(width)
                δ, m, moved = self._of_softmax(f, E, q, ar)
                roundings = ROUNDINGS + 2 * width
            case "BCEWithLogitsLoss":
                δ, m, moved = self._of_sigmoid(f, E, ar)
                roundings = ROUNDINGS
        return δ, m, moved + ar.gamma(roundings) * (m + moved) + (roundings + width) * (1 + m) * ar.eta

    def _of_softmax(self, f: Array, E: Array, q: Array, ar: Arithmetic) -> tuple[Array, Array, Array]:
        total = q.sum(axis=1, keepdims=True)
        e = np.exp(f - f.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        largest = float(np.max(np.abs(f) + E, initial=0.0))
        ρ = of_softmax(largest, f.shape[1], ar)
        factor = (1 + ρ) * np.exp(2 * E.max(axis=1, keepdims=True, initial=0.0)) - 1
        off = np.where(np.isfinite(factor), np.minimum(p * factor, 1 + ρ), np.inf)
        return total * p - q, total * p + q, total * off

    def _of_sigmoid(self, f: Array, E: Array, ar: Arithmetic) -> tuple[Array, Array, Array]:
        w = np.ones(f.shape[1]) if self.weight is None else self.weight
        v = 1 - self.y + w * self.y
        off = np.minimum(bell(nearest(f, E)) * E, 1) + ar.library(1, 4)
        return v * sigmoid_at(f) - w * self.y, 2 * v, v * off

    def value(self, f: Array, E: Array) -> float:
        """At least the largest loss of all samples together, whatever is added up on the way."""
        w = 1.0 if self.weight is None else float(np.max(self.weight, initial=1.0))
        reach = np.abs(f) + E
        if self.loss.kind == "MSELoss":
            return float(np.sum(np.square(reach + np.abs(self.y))))
        return float((2 * w + 2) * np.sum(2 * reach + np.log(f.shape[1] + 1)))

    def least_share(self, width: int) -> float:
        """Less than the factor that any reduction puts before the loss of a sample, with one sample more."""
        largest = 1.0 if self.weight is None else float(np.max(self.weight, initial=1.0))
        return 1 / ((len(self.y) + 1) * width * max(1.0, largest))


def of_softmax(largest: float, outputs: int, ar: Arithmetic) -> float:
    """ρ, the relative error of a probability."""
    argument = 5 * largest * ar.u
    return expm1(argument) + (1 + expm1(argument)) * ar.library(2, outputs + 2) if argument < 1 else inf
