"""The exactness certificate: a proof that on this case no evaluation, in any order, rounds anything.

Every number here is an integer multiple of some power of two, its grain. If the sum of all absolute values that can
ever be added up is at most 2^p grains (below, for float64), where p is the precision of the dtype, then every partial
sum in every order is a number of that dtype, with or without fused multiply-add. So results must be equal, not close.

Forward mode needs no sums of its own: where the sum of |A_L|···|A_1|·|a| is at most 2^p grains, so is each factor's
part of it, |A_k|···|A_1|·|a|, for every unit that has any path to an output, since the rest of its path is at least
one grain. Units without such a path may round, but must not overflow.
"""

from __future__ import annotations

import numpy as np

from jaccheck.case import LeakyReLU, ReLU
from jaccheck.oracle.arithmetic import Arithmetic, Array
from jaccheck.oracle.network import Affine, Network

SPARE_BITS = 1
"""Room at the lower end of the exponent range, for a seed that is scaled down by a power of two and back."""

_NO_GRAIN = 2**20
"""The grain of zeros, which are multiples of every power of two."""


def is_exact(net: Network, ar: Arithmetic) -> bool:
    """Whether forward and backward pass of `net` are exact in every order; the slope at a kink is then autograd's."""
    if not all(isinstance(layer, Affine | ReLU | LeakyReLU) for layer in net.steps):
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        ledger = _Ledger(ar)
        _check_backward(net, _check_forward(net, ledger), ledger)
        return ledger.holds


def _check_forward(net: Network, ledger: _Ledger) -> list[tuple[Array, int]]:
    """Enters all sums of the forward pass; the input of each step and its grain come back."""
    a, grain = net.X, _grain(net.X)
    tangent = np.zeros_like(a)
    ledger.check(np.abs(a), grain)
    inputs: list[tuple[Array, int]] = []
    for layer in net.steps:
        inputs.append((a, grain))
        if isinstance(layer, Affine):
            W, b = np.abs(layer.W), np.zeros(len(layer.W)) if layer.b is None else layer.b
            tangent = tangent @ W.T + np.maximum(np.max(np.abs(a), axis=1, keepdims=True, initial=0), 1)
            sums, a = np.abs(a) @ W.T + np.abs(b), a @ layer.W.T + b
            grain = min(grain + _grain(W), _grain(b))
        else:
            slope = _slope_below(layer)
            ledger.check(np.array([max(1.0, abs(slope))]), min(0, _grain(np.array([slope]))))
            tangent = tangent * max(1.0, abs(slope))
            a = np.where(a > 0, a, slope * a)
            sums, grain = np.abs(a), grain + min(0, _grain(np.array([slope])))
        ledger.check(sums, grain)
        ledger.check_range(tangent)
    return inputs


def _check_backward(net: Network, inputs: list[tuple[Array, int]], ledger: _Ledger) -> None:
    """Enters all sums of the backward pass, with absolute values multiplied through from the outputs."""
    m, grain = net.seeds(), 0
    for layer, (a, input_grain) in zip(reversed(net.steps), reversed(inputs), strict=True):
        if isinstance(layer, Affine):
            largest_input = np.max(np.abs(a), axis=1, initial=0)[:, None]
            ledger.check(np.max(m, axis=2, initial=0) * largest_input, grain + input_grain)
            m, grain = m @ np.abs(layer.W), grain + _grain(layer.W)
        else:
            slope = _slope_below(layer)
            m = m * np.abs(np.where(a > 0, 1.0, slope))[:, None]
            grain += min(0, _grain(np.array([slope])))
        ledger.check(m, grain)


def _slope_below(layer: object) -> float:
    return layer.negative_slope if isinstance(layer, LeakyReLU) else 0.0


class _Ledger:
    """Keeps whether all sums so far fit the dtype."""

    def __init__(self, ar: Arithmetic) -> None:
        self._ar = ar
        self.holds = True

    def check(self, magnitude: Array, grain: int) -> None:
        """Enters sums of multiples of 2^grain, the sum of the absolute values of each."""
        largest = float(np.max(magnitude, initial=0.0))
        if largest == 0:
            return
        self.holds &= largest <= self._ar.largest
        self.holds &= grain - SPARE_BITS >= self._ar.smallest_exponent
        limit = 2.0 ** min(self._ar.precision_bits + grain, 1023)
        # The sum itself was formed in float64, where one beyond 2⁵³ grains may have been rounded down to that.
        self.holds &= largest < limit or (largest == limit and self._ar.precision_bits < 53)

    def check_range(self, magnitude: Array) -> None:
        """Enters numbers that may round, but must not overflow."""
        self.holds &= float(np.max(magnitude, initial=0.0)) <= self._ar.largest


def _grain(values: Array) -> int:
    """The exponent of the largest power of two that divides every value."""
    mantissa, exponent = np.frexp(values[values != 0])
    if not mantissa.size:
        return _NO_GRAIN
    whole = (mantissa * 2.0**53).astype(np.int64)
    trailing = np.log2((whole & -whole).astype(np.float64)).astype(np.int64)
    return int(np.min(exponent - 53 + trailing))
