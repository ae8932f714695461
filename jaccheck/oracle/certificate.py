"""The exactness certificate: a proof that on this case no evaluation, in any order, rounds anything.

Every number here is an integer multiple of some power of two, its grain. If the sum of all absolute values that can
ever be added up is at most 2^p grains, where p is the precision of the dtype, then every partial sum in every order
is a number of that dtype, with or without fused multiply-add. So results must be equal, not close.
"""

from __future__ import annotations

import numpy as np

from jaccheck.cases import LeakyReLU, ReLU
from jaccheck.oracle.arithmetic import Arithmetic, Array
from jaccheck.oracle.network import Affine, Network

SPARE_BITS = 8
"""Room at the lower end of the exponent range, for methods that scale down by a power of two on the way."""


def is_exact(net: Network, ar: Arithmetic) -> bool:
    """Whether forward and backward pass of `net` are exact in every order; the slope at a kink is then autograd's."""
    ledger = _Ledger(ar)
    a, grain = net.X, _grain(net.X)
    ledger.check(np.abs(a), grain)
    inputs: list[tuple[Array, int]] = []
    for layer in net.steps:
        inputs.append((a, grain))
        if isinstance(layer, Affine):
            sums = np.abs(a) @ np.abs(layer.W).T + (0 if layer.b is None else np.abs(layer.b))
            a = a @ layer.W.T + (0 if layer.b is None else layer.b)
            grain = min(grain + _grain(layer.W), _grain(layer.b))
        elif isinstance(layer, ReLU | LeakyReLU):
            slope = _slope_below(layer)
            sums = a = np.where(a > 0, a, slope * a)
            grain += min(0, _grain(np.array([slope])))
        else:
            return False
        ledger.check(np.abs(sums), grain)
    m, grain = np.broadcast_to(np.eye(net.C), (net.N, net.C, net.C)), 0
    for layer, (a, input_grain) in zip(reversed(net.steps), reversed(inputs), strict=True):
        if isinstance(layer, Affine):
            ledger.check(
                np.max(m, axis=2, initial=0) * np.max(np.abs(a), axis=1, initial=0)[:, None], grain + input_grain
            )
            m, grain = m @ np.abs(layer.W), grain + _grain(layer.W)
        elif isinstance(layer, ReLU | LeakyReLU):
            slope = _slope_below(layer)
            m = m * np.abs(np.where(a > 0, 1.0, slope))[:, None]
            grain += min(0, _grain(np.array([slope])))
        ledger.check(m, grain)
    return ledger.holds


def _slope_below(layer: ReLU | LeakyReLU) -> float:
    return layer.negative_slope if isinstance(layer, LeakyReLU) else 0.0


class _Ledger:
    """Keeps whether all sums so far fit the dtype."""

    def __init__(self, ar: Arithmetic) -> None:
        self._ar = ar
        self.holds = True

    def check(self, magnitude: Array, grain: int) -> None:
        largest = float(np.max(magnitude, initial=0.0))
        if largest == 0:
            return
        self.holds &= largest <= self._ar.largest
        self.holds &= grain - SPARE_BITS >= self._ar.smallest_exponent
        self.holds &= largest <= 2.0 ** min(self._ar.precision_bits + grain, 1023)


def _grain(values: Array | None) -> int:
    """The exponent of the largest power of two that divides every nonzero value; 0 where all are zero."""
    if values is None:
        return 0
    mantissa, exponent = np.frexp(values[values != 0])
    if not mantissa.size:
        return 0
    whole = (mantissa * 2.0**53).astype(np.int64)
    trailing = np.log2((whole & -whole).astype(np.float64)).astype(np.int64)
    return int(np.min(exponent - 53 + trailing))
