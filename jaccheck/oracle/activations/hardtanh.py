"""The rules of Hardtanh and ReLU6: z, cut off at both ends."""

from __future__ import annotations

import numpy as np

from jaccheck.case import activations as layers
from jaccheck.oracle.activations.rule import Activation, Pieces, Rule, rule
from jaccheck.oracle.assumptions import Arithmetic, Array


class CutOff(Rule):
    """min(max(z, low), high); slope 1 strictly between them, and 0 at either and beyond, as autograd has it.

    Nothing is rounded but the ends themselves, where they are no numbers of the dtype: so far the constants that come
    out are off, and so far z may be from an end and still be taken for one on the other side.
    """

    def ends(self, layer: object) -> tuple[float, float]:
        """The least and the largest value."""
        raise NotImplementedError

    def at(self, layer: object, z: Array, E: Array, ar: Arithmetic) -> Activation:
        low, high = self.ends(layer)
        value, slope = np.clip(z, low, high), np.where((z > low) & (z < high), 1.0, 0.0)
        moved = np.where((low - z <= E) & (z - high <= E), E, 0.0)
        rounding, jumps = np.zeros_like(z), np.zeros_like(z)
        for end in (low, high):
            lost = 0.0 if ar.keeps(end) else ar.gamma(1) * abs(end) + ar.eta
            reached = np.abs(z - end) <= E + lost
            beyond = z - E <= end + lost if end == low else z + E >= end - lost
            rounding = np.maximum(rounding, np.where(beyond, lost, 0))
            jumps = np.maximum(jumps, np.where(reached & (E + lost > 0), 1.0, 0.0))
        return Activation(value, moved, rounding, slope, jumps)

    def curvature(self, layer: object, z: Array, radius: Array) -> Array:
        is_near = [np.abs(z - end) <= radius * (1 + 2.0**-30) for end in self.ends(layer)]
        return np.where(is_near[0] | is_near[1], np.inf, 0.0)

    def pieces(self, layer: object) -> Pieces:
        low, high = self.ends(layer)
        return Pieces(
            value=lambda z: np.clip(z, low, high),
            slope=lambda z: np.where((z > low) & (z < high), 1.0, 0.0),
            factors=(1.0, 0.0),
            constants=(low, high),
        )


@rule(layers.Hardtanh)
class HardtanhRule(CutOff):
    """Cut off at `min_val` and `max_val`."""

    def ends(self, layer: layers.Hardtanh) -> tuple[float, float]:  # type: ignore[override]
        return layer.min_val, layer.max_val


@rule(layers.ReLU6)
class ReLU6Rule(CutOff):
    """Cut off at 0 and 6."""

    def ends(self, layer: object) -> tuple[float, float]:
        return 0.0, 6.0
