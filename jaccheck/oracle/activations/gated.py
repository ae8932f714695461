"""What gates have in common: functions f = z·c(z), where c rises from 0 to 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jaccheck.oracle.activations.rule import Activation
from jaccheck.oracle.assumptions import Arithmetic, Array


@dataclass(frozen=True, slots=True)
class Gate:
    """Bounds of one gate: of |f′|, and of |c′|, anywhere."""

    steepest: float
    turned: float

    def risen(self, c: Array, E: Array) -> Array:
        """The largest c can be on z ± E."""
        return np.minimum(1, c + self.turned * E)


def gated(
    z: Array, E: Array, c: Array, slope: Array, curved: Array, off: Array, own: Array, ar: Arithmetic, gate: Gate
) -> Activation:
    """Value z·c and slope c + z·c′; c is off by `off` and z·c′ by `own` anywhere on z ± E, and |f″| ≤ `curved` there.

    |f(z′) − f(z)| ≤ sup|f′|·E, where |f′| ≤ |f′(z)| + sup|f″|·E. A product and a sum are rounded on the way.
    """
    value, far = z * c, np.abs(z) + E
    off = off + ar.gamma(1) * (gate.risen(c, E) + off) + 2 * ar.eta
    moved = np.minimum(np.abs(slope) + curved * E, gate.steepest) * E
    rounding = far * off + ar.gamma(2) * (np.abs(value) + moved + far * off) + 3 * ar.eta
    # f′ lies between 1 − sup|f′| and sup|f′|.
    movement = np.minimum(curved * E, 2 * gate.steepest)
    steepest = np.minimum(np.abs(slope) + movement, gate.steepest)
    error = off + own
    error = error + ar.gamma(1) * (steepest + error) + 3 * ar.eta
    return Activation(value, moved, rounding, slope, movement + error)
